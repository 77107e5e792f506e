"""One rank's life: build the trainer, fit; once more from the last checkpoint if a fault asks so."""

from __future__ import annotations

import atexit
import sys

import torch
from composer.core import Engine
from composer.devices import Device
from composer.utils import dist

from common.errors import InputError
from common.process import die_with_parent
from schemas.schedule import Schedule
from train.callbacks.checkpointing import await_uploads
from train.callbacks.fault_log import RolledBack
from train.checkpoint.upload_queue import Uploads
from train.config.run_config import RunConfig
from train.loader.cache.download import is_disk_full
from train.loader.errors import ended_by_another
from train.run.device import choose_device
from train.run.out_of_memory import advice
from train.run.trainer import build_trainer


def launch(run: RunConfig, schedule: Schedule) -> None:
    """Train `run` on this rank.

    Raises:
        InputError: something that the user can mend.
        AskedToLeave: a signal asked for the run to be saved and ended early.
    """
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    run.out.mkdir(parents=True, exist_ok=True)
    device = choose_device(run.remote_patience)
    die_with_parent()
    try:
        fit(run, schedule, device)
    except OSError as error:
        if not is_disk_full(error):
            raise
        problem, remedy = f"the disk is full ({error.strerror})", "free some space and start the same command again"
        raise InputError(problem, file=error.filename or run.out, remedy=remedy) from None
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
            _upload_the_rest(run)
            return
        trainer, dataset = built
        try:
            trainer.fit()
            return
        except RolledBack:
            continue
        except RuntimeError:  # of a collective, as a rule
            if dataset.failed_elsewhere():
                raise ended_by_another() from None
            raise
        finally:
            dataset.close()
            trainer.close()
            # Registered by each engine, with its state; a closed one keeps it: model and data, in a sweep of every run.
            atexit.unregister(Engine._close)


def _upload_the_rest(run: RunConfig) -> None:
    """A run that has ended may have left checkpoints that its remote did not take."""
    uploads = Uploads.of(run)
    if uploads is not None:
        uploads.start()
    try:
        await_uploads(uploads, run.checkpoint)
    finally:
        if uploads is not None:
            uploads.close()
