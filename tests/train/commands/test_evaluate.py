"""Tests of the refusals of `evaluate`: each is told before a model is opened, and nothing is written."""

from pathlib import Path

import pytest

from tests.helpers.commands import assert_refused
from train.__main__ import main


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing to evaluate; give --tasks, --text or --loss"),
        (["--tasks", "vqa"], "--tasks: no task 'vqa'"),
        (["--tasks", "gqa", "--batch-size", "0"], "--batch-size: must be at least 1"),
        (["--tasks", "gqa", "--processes", "0"], "--processes: must be at least 1"),
        (["--tasks", "gqa", "--limit", "-1"], "--limit: must be at least 1"),
        (["--tasks", "gqa", "--threads", "0"], "--threads: must be at least 1"),
        (["--loss", "text"], "--loss: text is not NAME=DATASET"),
        (["--tasks", "gqa"], "none: no checkpoint here"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(tmp_path: Path, options: list[str], message: str) -> None:
    out = tmp_path / "scores"
    assert_refused(main, ["evaluate", str(tmp_path / "none"), *options, "-o", str(out)], match=message)
    assert not out.exists()
