"""One rank's life: read the config, build the trainer, fit."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from composer.utils import dist

from schemas import yaml_file
from schemas.schedule import Schedule
from train.config import RunConfig
from train.trainer import build_trainer, choose_device


def launch(config: Path) -> None:
    """Train the run that `config` describes on this rank.

    Raises:
        InputError: something that the user can mend.
    """
    run = yaml_file.load(config, RunConfig)
    schedule = Schedule.load(run.schedule)
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    run.out.mkdir(parents=True, exist_ok=True)
    built = build_trainer(run, schedule, choose_device())
    if built is None:
        if dist.get_global_rank() == 0:
            print(f"{run.out}: the run is at its end already", file=sys.stderr)
        return
    trainer, dataset = built
    try:
        trainer.fit()
    finally:
        dataset.close()
        trainer.close()
