"""The script for a lent GPU runs, at tiny size, where there is none: nothing of the loan is spent on mistakes in it."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
    assert report.count("| 0% |") == 3, "before, after, and with other chunks"
