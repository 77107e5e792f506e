"""Tests of what the figures of a run draw: switches as steps, the log's own values, nothing where nothing was read."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.patches import StepPatch

from tests.helpers import synthetic
from tests.helpers.run_folder import write_run
from train.report import figures
from train.report.record import Record, read


@pytest.fixture
def run(tmp_path: Path) -> Record:
    write_run(tmp_path)
    return read(tmp_path / "run")


def test_a_switch_is_drawn_as_a_step_at_its_exact_position(run: Record) -> None:
    """The target changes at samples 44 and 84."""
    (axes,) = figures.mix(run).axes
    drawn = {patch.get_label(): patch for patch in axes.patches if isinstance(patch, StepPatch)}
    values, edges, _ = drawn["text, target"].get_data()
    assert [round(edge / synthetic.SEQ_LEN) for edge in edges] == [0, 44, 84, 120]
    assert values.tolist() == pytest.approx([1.0, 0.7, 0.0])
    values, edges, _ = drawn["pairs, counted"].get_data()
    assert values[0] == 0
    assert values[-1] == 0
    assert [round(edge / synthetic.SEQ_LEN) for edge in edges][-1] == 120


def test_rates_are_the_logs_own(run: Record) -> None:
    (axes,) = figures.learning_rate(run).axes
    (log,) = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    assert log.get_data().values.tolist() == [step.lr for step in run.log]


def test_a_source_that_is_not_read_has_no_loss_line(run: Record) -> None:
    (axes,) = figures.loss(run).axes
    stairs = {patch.get_label(): patch for patch in axes.patches if isinstance(patch, StepPatch)}
    edges = stairs["conversations"].get_data().edges / synthetic.SEQ_LEN
    assert edges[0] >= 80
    assert edges[-1] == 120


def test_the_mix_of_a_branch_begins_where_it_left_the_trunk(tmp_path: Path) -> None:
    write_run(tmp_path)
    log = tmp_path / "run/metrics.jsonl"
    log.write_text("".join(line + "\n" for line in log.read_text().splitlines()[5:]))
    found = read(tmp_path / "run")
    _, edges, _ = next(p for p in figures.mix(found).axes[0].patches if isinstance(p, StepPatch)).get_data()
    assert edges[0] == 40 * synthetic.SEQ_LEN
