"""Tests of `sweep-orphans`: only what lies beside a finished dataset goes, and nobody is swept from under."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from dataprep.__main__ import main
from dataprep.commands import clean
from dataprep.engine import lease
from tests.helpers import synthetic
from tests.helpers.commands import assert_refused
from tests.helpers.folders import put, tree

LEFT = {".switchpoint/tokenize/000000.json": b"{}", ".switchpoint/shards/half.mds": b"half"}


def test_the_dataset_and_its_plan_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = synthetic.write(tmp_path, "text", 60)
    put(out, {".switchpoint/plan.json": b"{}"})
    before = tree(out)
    put(out, LEFT)
    for count in (len(LEFT), 0):
        assert main(["sweep-orphans", str(out)]) == 0
        assert capsys.readouterr().out == f"{out}: {count} files removed\n"
        assert tree(out) == before
    assert clean.HELP.startswith("remove staging files")


def test_work_that_is_not_finished_or_under_way_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path / "begun", LEFT)
    assert_refused(main, ["sweep-orphans", str(tmp_path / "begun")], match="not a finished dataset")
    assert tree(tmp_path / "begun") == LEFT
    out = synthetic.write(tmp_path, "text", 60)
    put(out, LEFT)
    with contextlib.ExitStack() as other:
        other.enter_context(lease.held(str(out), "takedown"))
        assert_refused(main, ["sweep-orphans", str(out)], match="takedown")
    assert LEFT.keys() <= tree(out).keys()
