"""Tests of reading what a run has left: all of it, a branch's from where it began, and what cannot be drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common import json_lines, seal
from common.errors import InputError
from tests.helpers import synthetic
from tests.helpers.run_folder import write_run
from train.report.record import read


def test_a_branch_begins_where_it_left_the_trunk(tmp_path: Path) -> None:
    write_run(tmp_path)
    log = tmp_path / "run/metrics.jsonl"
    log.write_text("".join(line + "\n" for line in log.read_text().splitlines()[5:]))
    found = read(tmp_path / "run")
    assert found.start == 40
    assert found.schedule.tokens(40) == 40 * synthetic.SEQ_LEN


def changed_state(checkpoint: Path) -> None:
    """A checkpoint's folder with the schedule, and a digit of the model's width changed."""
    checkpoint.mkdir(parents=True)
    (checkpoint / "schedule.json").write_bytes((checkpoint.parents[1] / "schedule.json").read_bytes())
    text = seal.sealed('{"version": 2, "run": {"model": {"decoder": {"width": 8}}}}')
    (checkpoint / "state.json").write_text(text.replace('"width": 8', '"width": 9'))


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda out: (out / "metrics.jsonl").unlink(), "no metrics.jsonl here"),
        (lambda out: (out / "schedule.json").unlink(), "no schedule with this run"),
        (lambda out: changed_state(out / "checkpoints" / f"{40:015d}"), "state.json does not say what was saved"),
        (lambda out: (out / "metrics.jsonl").write_text("{}\n"), "metrics.jsonl:1: not a step record"),
        (lambda out: (out / "held_out.jsonl").write_text("[]\n"), "held_out.jsonl:1: not a line of this log"),
        (lambda out: (out / "faults.jsonl").write_text("{\n"), "faults.jsonl:1: not a line of this log"),
        (
            lambda out: (out / "faults.jsonl").write_text(json_lines.line('{"a": 1}').replace("1", "2", 1)),
            "seal does not fit",
        ),
        (
            lambda out: (out / "faults.jsonl").write_text(json_lines.line('{"a": 1}')[:-1] + "\r"),
            "the line break of the",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, break_it: object, said: str) -> None:
    write_run(tmp_path)
    break_it(tmp_path / "run")  # type: ignore[operator]
    with pytest.raises(InputError, match=re.escape(said)):
        read(tmp_path / "run")
