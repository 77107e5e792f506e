"""`dataprep/jobs/pairs.py` as it is started; what it does then is tested with its package."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dataprep.tar.write import write_tar
from tests.helpers import entry


def test_the_command(tmp_path: Path) -> None:
    entry.teaches("pairs", "inputs", "tokenizer")
    entry.refuses("pairs", tmp_path)


def test_a_dry_run_tries_where(
    spark: SparkSession,
    tmp_path: Path,
    tokenizer_dir: Path,
    picture: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (tmp_path / "0.tar").open("wb") as tar:
        write_tar(tar, [("0.jpg", picture(0)), ("0.txt", b"a caption")])
    job = {"inputs": str(tmp_path / "0.tar"), "out": str(tmp_path / "out"), "tokenizer": str(tokenizer_dir)}
    job |= {"geometry": {"size": 32, "patch": 16}}
    assert list(entry.tries_where("pairs", job, tmp_path, spark, monkeypatch)) == [(0, False), (0, True), (2, True)]
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"error: {tmp_path}/job.yaml:9: where: not a Spark SQL predicate over its columns: ")
    assert not (tmp_path / "out").exists()
