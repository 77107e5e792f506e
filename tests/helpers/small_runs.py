"""Runs in this process, as small as they get: their config, training to the end, and what they leave, to compare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from composer.core import Callback
from composer.devices import DeviceCPU
from torch import Tensor

from schemas.run_log import Step, steps
from schemas.schedule import Schedule
from tests.helpers import ranks
from train.checkpoint import load
from train.config.run_config import RunConfig
from train.run.launch import fit
from train.run.trainer import build_trainer


def config(out: Path, **changes: Any) -> RunConfig:
    """The config of a run whose schedule is handed over, not read."""
    return RunConfig.model_validate(ranks.settings("", out, **changes))  # type: ignore[arg-type]


def train(run: RunConfig, schedule: Schedule) -> list[Step]:
    """Trains to the end, from the run's newest checkpoint; returns its log."""
    run.out.mkdir(parents=True, exist_ok=True)
    fit(run, schedule, DeviceCPU())
    return list(steps(run.out / "metrics.jsonl"))


def train_with(run: RunConfig, schedule: Schedule, *callbacks: Callback) -> list[Callback]:
    """Trains to the end with these callbacks before the trainer's own; returns all of them."""
    run.out.mkdir(parents=True, exist_ok=True)
    built = build_trainer(run, schedule, DeviceCPU())
    assert built is not None, "the run is at its end"
    trainer, dataset = built
    trainer.state.callbacks[:0] = callbacks
    try:
        trainer.fit()
    finally:
        dataset.close()
        trainer.close()
    return list(trainer.state.callbacks)


def without_clock(found: Iterable[Step]) -> list[dict[str, object]]:
    """What steps say but for how long they took."""
    return [step.model_dump(exclude={"seconds", "tokens_per_second"}) for step in found]


def facts(out: Path) -> list[dict[str, object]]:
    """The log of the run in `out`, without the clock."""
    return without_clock(steps(out / "metrics.jsonl"))


def tensors(out: Path, position: int, file: str = "model") -> dict[str, Tensor]:
    """Weights (`model`) or moments (`optimizer`) of the checkpoint at `position`."""
    return load.read_tensors(out / "checkpoints" / f"{position:015d}" / f"{file}.safetensors")
