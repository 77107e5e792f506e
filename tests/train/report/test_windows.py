"""Tests of windows over a run's steps: few, none across a switch, every step in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.run_folder import LENGTHS, write_run
from train.report.record import Record, read
from train.report.windows import positions, windows


@pytest.fixture
def run(tmp_path: Path) -> Record:
    write_run(tmp_path)
    return read(tmp_path / "run")


def test_no_window_goes_over_a_switch_by_more_than_the_step_that_it_falls_into(run: Record) -> None:
    """The mix changes at samples 44 and 84."""
    found = windows(run.log, 0, run.schedule, most=3)
    assert [(one.start, one.stop) for one in found if one.start < 44 < one.stop or one.start < 84 < one.stop] == [
        (40, 48), (80, 88),
    ]  # fmt: skip
    assert sum(len(one.steps) for one in found) == 15


@pytest.mark.parametrize("most", [1, 3, 7, 240])
def test_windows_are_all_steps_in_order(run: Record, most: int) -> None:
    found = windows(run.log, 0, run.schedule, most)
    assert [step for one in found for step in one.steps] == run.log
    assert [one.start for one in found] == [0, *(one.stop for one in found[:-1])]
    assert all(one.stop == one.steps[-1].position for one in found)
    assert len(found) <= most + 2 * len(LENGTHS)
    losses = [loss for one in found for loss in one.losses("conversations")]
    assert losses == [
        step.loss_by_source["conversations"] for step in run.log if "conversations" in step.loss_by_source
    ]


def test_a_curve_has_both_sides_of_every_knee(run: Record) -> None:
    found = positions(run.schedule, 40, 120, points=5)
    assert (found[0], found[-1]) == (40, 119)
    assert {43, 44, 83, 84} <= set(found)
    assert found == sorted(set(found))
    assert min(found) >= 40
