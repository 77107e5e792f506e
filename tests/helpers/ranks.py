"""Runs as users start them: `composer -n N train/main.py RUN.yaml`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import yaml_file
from schemas.run_log import Step, steps

ROOT = Path(__file__).resolve().parents[2]
COMPOSER = Path(sys.executable).with_name("composer")
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
MODEL: dict[str, Any] = {
    "decoder": {"width": 16, "layers": 2, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24},
    "encoder": {"width": 8, "layers": 1, "heads": 2},
}
"""A decoder and an encoder with blocks, as small as they get."""


def settings(schedule: Path, out: Path, **changes: Any) -> dict[str, Any]:
    """A run config as plain data."""
    run = {
        "schedule": str(schedule),
        "out": str(out),
        "model": MODEL,
        "microbatch": 2,
        "threads": 1,
        "checkpoint": {"every": 4},
        "log_every": 50,
    }
    return {**run, **changes}


def start(run: dict[str, Any], ranks: int, main: str = "train/main.py", **environment: str) -> subprocess.Popen[str]:
    """Start `run` on `ranks` processes; its output is one stream."""
    file = Path(run["out"]).with_suffix(".yaml")
    file.write_text(yaml_file.dump(run))
    argv = [str(COMPOSER), "-n", str(ranks), str(ROOT / main), str(file)]
    return subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **ENVIRONMENT, **environment},
        cwd=file.parent,
    )


def finish(
    run: dict[str, Any], ranks: int, main: str = "train/main.py", log: Path | None = None, **environment: str
) -> list[Step]:
    """Run to the end; returns its metrics, from `log` if the run's `out` is not where it writes."""
    process = start(run, ranks, main, **environment)
    try:
        output, _ = process.communicate(timeout=600)
    finally:
        process.kill()  # its ranks hear of it from the kernel
    assert process.returncode == 0, output
    return list(steps((log or Path(run["out"])) / "metrics.jsonl"))
