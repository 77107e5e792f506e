"""A run started by the one command is the run that Composer's launcher starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import command_environment


@pytest.mark.slow
def test_the_run_starts_under_the_launcher(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("schedule: schedule.json\nout: out\nmicrobatches: 2\n")
    command = [sys.executable, "-m", "switchpoint", "train", "run.yaml", "-n", "2", "--", "--master_port", "0"]
    environment = command_environment(CUDA_VISIBLE_DEVICES="")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).count("error: run.yaml:") == 1, done.stdout + done.stderr
