"""The script for a lent GPU runs, at tiny size, where there is none: nothing of the loan is spent on mistakes in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def importable() -> bool:
    """Whether the script finds torchao."""
    command = [sys.executable, "-c", "import torchao.float8"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.soak
def test_the_script_makes_its_report(tmp_path):
    environment = {**os.environ, "BEFORE": str(ROOT), "MINUTES": "10", "OMP_NUM_THREADS": "1"}
    subprocess.run(
        ["bash", str(ROOT / "benchmarks/gpu_slot.sh"), "--tiny", str(tmp_path)],
        check=True,
        env=environment,
        timeout=900,
    )
    report = (tmp_path / "report.md").read_text()
    assert "torch" in report.splitlines()[0]
    assert "ended with status" not in report
    assert "no time was left" not in report
    assert "| tiny loss, chunks of 4096 |" in report
    runs = 4 if importable() else 3
    assert report.count("| 0% |") == runs, "before, after, with other chunks, and in fp8 where torchao can be imported"
