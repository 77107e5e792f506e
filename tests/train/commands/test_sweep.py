"""Tests of the refusals of `sweep`: what would fail after hours of training is told before it."""

from pathlib import Path

import pytest

from tests.helpers.commands import assert_refused
from train.__main__ import main


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "--workers: must be at least 1"),
        (["--threads", "0"], "--threads: must be at least 1"),
        (["--limit", "0"], "--limit: must be at least 1"),
        (["--evaluate", "vqa"], "no task 'vqa'"),
        (["--evaluate", "gqa"], "gqa: no such file or folder; put the task's official files here"),
        (["--loss", "text"], "--loss: text is not NAME=DATASET"),
        ([], r"sweep\.json"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(tmp_path: Path, options: list[str], message: str) -> None:
    argv = ["sweep", str(tmp_path), "--data", str(tmp_path / "official"), *options]
    assert_refused(main, argv, match=message)
    assert list(tmp_path.iterdir()) == []
