"""Tests that the tables of a run add up to what was counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import synthetic
from tests.helpers.run_folder import write_run
from train.report import tables
from train.report.record import Record, read


@pytest.fixture
def run(tmp_path: Path) -> Record:
    write_run(tmp_path)
    return read(tmp_path / "run")


def test_counts_add_up(run: Record) -> None:
    _, rows = tables.tokens(run)
    assert sum(int(row[2].replace(",", "")) for row in rows) == 120 * synthetic.SEQ_LEN
    header, rows = tables.mix(run)
    assert header[2:4] == ("samples due", "counted")
    assert sum(int(row[3]) for row in rows) == 120


def test_losses_are_the_means_of_the_first_and_the_last_tenth_of_a_phase(run: Record) -> None:
    _, rows = tables.loss(run)
    assert rows[0] == ("text", "text", "2.900", "2.400"), "six steps begin in the phase"
    assert {phase for phase, *_ in rows} == {"text", "mixed", "tuning"}


def test_checkpoints_and_scores_that_are_not_there_are_empty_tables(run: Record) -> None:
    assert tables.checkpoints(run)[1] == tables.faults(run)[1] == tables.scores(run)[1] == []
