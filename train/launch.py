"""One rank's life: read the config, build the trainer, fit; once more from the last checkpoint if a fault asks so."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from composer.devices import Device
from composer.utils import dist

from schemas import yaml_file
from schemas.schedule import Schedule
from train.callbacks.leaving import die_with_parent
from train.config import RunConfig
from train.faults import RolledBack
from train.memory import advice
from train.trainer import build_trainer, choose_device


def launch(config: Path) -> None:
    """Train the run that `config` describes on this rank.

    Raises:
        InputError: something that the user can mend.
        AskedToLeave: a signal asked for the run to be saved and ended early.
    """
    run = yaml_file.load(config, RunConfig)
    schedule = Schedule.load(run.schedule)
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    run.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(run.remote_patience)
    die_with_parent()
    try:
        fit(run, schedule, device)
    except RuntimeError as error:
        out_of_memory = advice(error, run)
        if out_of_memory is None:
            raise
        raise out_of_memory from None


def fit(run: RunConfig, schedule: Schedule, device: Device) -> None:
    """Train from the run's last checkpoint, or its beginning, to its end; from there again when a fault rolls it back.

    Raises:
        InputError, AskedToLeave: see `launch`.
    """
    while True:
        built = build_trainer(run, schedule, device)
        if built is None:
            if dist.get_global_rank() == 0:
                print(f"{run.out}: the run is at its end already", file=sys.stderr)
            return
        trainer, dataset = built
        try:
            trainer.fit()
            return
        except RolledBack:
            continue
        finally:
            dataset.close()
            trainer.close()
