"""The trainer's tests pass on torch 2.11 too, where `make newer-torch` has set up its environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENV = Path(os.environ.get("SWITCHPOINT_NEWER_TORCH", ROOT / ".venv-torch211"))


@pytest.mark.soak
@pytest.mark.skipif(not (VENV / "bin/pytest").exists(), reason="`make newer-torch` sets up .venv-torch211")
def test_the_trainers_tests_pass_on_a_newer_torch() -> None:
    python = VENV / "bin/python"
    asked = [python, "-c", "import torch; print(torch.__version__)"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert tuple(map(int, version.split(".")[:2])) >= (2, 11)
    command = [python, "-m", "pytest", "-q", "-m", "not soak", "-p", "no:cacheprovider", "tests/train"]
    environment = {**os.environ, "PATH": f"{VENV}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout
