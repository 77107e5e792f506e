"""`dataprep/jobs/text.py` as it is started; what it does then is tested with its package."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.helpers import entry


def test_the_command(tmp_path: Path) -> None:
    entry.teaches("text", "inputs", "tokenizer")
    entry.refuses("text", tmp_path)


def test_a_dry_run_tries_where(
    spark: SparkSession,
    tmp_path: Path,
    tokenizer_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "0.jsonl").write_text('{"text": "a document"}\n')
    job = {"inputs": str(tmp_path / "0.jsonl"), "out": str(tmp_path / "out"), "tokenizer": str(tokenizer_dir)}
    assert list(entry.tries_where("text", job, tmp_path, spark, monkeypatch)) == [(0, False), (0, True), (2, True)]
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"error: {tmp_path}/job.yaml:5: where: not a Spark SQL predicate")
    assert not (tmp_path / "out").exists()
