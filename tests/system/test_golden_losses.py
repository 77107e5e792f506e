"""200 steps through two switches have the losses that are checked in: a change of the arithmetic does not go unseen.

A refactoring must not move them. Where a change is meant to (another initialisation, another order of data), write them
again with `python -m tests.system.test_golden_losses` and say so in the commit.

Processors add up in different orders, and training carries such noise on. With other vector instructions
(ATEN_CPU_CAPABILITY=default, SSE4.2 in the matrix library, in place of AVX-512) the same code moved these losses by at
most 1.4e-4, relative, near the end; before step 175 by 2e-6. The tolerance of 1e-3 leaves room for processors that were
not tried. A wrong step moves them further: one black image in the place of a picture by 2.7e-2, a learning rate that
is off by 1 % by 1.8e-2.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import torch
from composer.devices import DeviceCPU

from schemas.run_log import steps
from tests.helpers import ranks, synthetic
from train.config.run_config import RunConfig
from train.run.launch import fit

torch.set_num_threads(1)

GOLDEN = Path(__file__).with_name("golden_losses.json")
TOLERANCE = 1e-3


def losses(root: Path) -> list[float]:
    """Loss of each step of the run."""
    schedule = synthetic.schedule(root, global_batch=4, lengths=(400, 280, 120))
    run = RunConfig.model_validate(ranks.settings("", root / "golden", microbatch=4, checkpoint={"every": 1000}))
    run.out.mkdir()
    fit(run, schedule, DeviceCPU())
    return [step.loss for step in steps(run.out / "metrics.jsonl")]


def test_losses_are_those_checked_in(tmp_path: Path) -> None:
    expected = json.loads(GOLDEN.read_text())
    found = losses(tmp_path)
    assert len(found) == len(expected) == 200
    for step, (ours, theirs) in enumerate(zip(found, expected, strict=True), 1):
        assert ours == pytest.approx(theirs, rel=TOLERANCE), f"step {step}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(json.dumps([round(loss, 7) for loss in losses(Path(folder))], indent=0) + "\n")
