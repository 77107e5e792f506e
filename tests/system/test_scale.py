"""The driver of the text job plans 100,000 inputs of 14 T tokens in seconds, and in memory that any machine has."""

import json
import subprocess
import sys

import pytest

from tests.helpers.commands import ROOT, command_environment

pytestmark = pytest.mark.soak


def test_a_hundred_thousand_inputs() -> None:
    argv = [sys.executable, str(ROOT / "benchmarks/plan_scale.py"), "--inputs", "100000"]
    done = subprocess.run(argv, env=command_environment(), capture_output=True, text=True, timeout=600, check=True)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["step"] for one in steps] == ["start", "plan", "tasks", "receipts", "shards", "index"]
    assert steps[2]["spark_tasks"] == 100_000
    assert steps[4]["samples"] > 6 * 10**9
    assert steps[-1]["peak_mib"] < 512
