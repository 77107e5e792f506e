"""A job started by the one command is the job that spark-submit starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import command_environment


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--", "--master", "local[1]"]])
def test_the_job_runs_under_spark_submit(tmp_path: Path, more: list[str]) -> None:
    (tmp_path / "job.yaml").write_text("inputs: [nothing.jsonl]\nout: out\ntokenizer: none\nseq_len: no number\n")
    command = [sys.executable, "-m", "switchpoint", "prepare", "text", "job.yaml", "--dry-run", *more]
    done = subprocess.run(command, cwd=tmp_path, env=command_environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "error: job.yaml:4: seq_len:" in done.stdout + done.stderr
