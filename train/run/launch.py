"""Runs one rank: builds the trainer and fits; once more from the last checkpoint if a fault asks so."""

from __future__ import annotations

import atexit
import contextlib
import gc
import signal
import sys
import time
from collections.abc import Callable

import torch
from composer.core import Engine
from composer.devices import Device
from composer.utils import dist

from common import heartbeat
from common.errors import InputError
from common.file_lock import exclusive
from common.process import end_with_parent
from schemas.schedule import Schedule
from train.callbacks.checkpointing import Checkpointing, await_uploads
from train.callbacks.fault_log import RolledBack
from train.callbacks.graceful_stop import AskedToLeave
from train.checkpoint.upload_queue import Uploads
from train.config.run_config import RunConfig
from train.loader.cache.download import is_disk_full
from train.loader.data_loader import ScheduleLoader
from train.loader.errors import is_broken_collective, lost_peer
from train.loader.shared_memory import is_full, no_room
from train.run.device import choose_device
from train.run.last_words import Peers, undisturbed
from train.run.out_of_memory import advice
from train.run.trainer import build_trainer

Say = Callable[[Exception, Peers], None]
LOCK = "train.lock"
"""File in `out` that a trainer's rank 0 holds."""
GRACE = 20.0
"""Seconds to wait for it: the ranks of a launcher that was killed save before they leave."""


def launch(run: RunConfig, schedule: Schedule, say: Say = lambda error, peers: None) -> None:
    """Train `run` on this rank.

    Args:
        say: hears of an error as soon as it is known, before anything is closed, and through what ranks share failures.

    Raises:
        InputError: something that the user can mend.
        AskedToLeave: a signal asked for the run to be saved and ended early.
    """
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    run.out.mkdir(parents=True, exist_ok=True)
    heartbeat.at("waiting for the other ranks")
    device = choose_device(run.remote_patience)
    end_with_parent(signal.SIGTERM)  # no rank trains on as an orphan: it saves and leaves
    try:
        fit(run, schedule, device, say)
    except Exception as error:
        meant = _meant(error, run)
        if meant is error:
            raise
        raise meant from None


def fit(run: RunConfig, schedule: Schedule, device: Device, say: Say = lambda error, peers: None) -> None:
    """Train from the run's last checkpoint, or its beginning, to its end; from there again when a fault rolls it back.

    Nothing that follows an error is done together with other ranks: they may wait for this one somewhere else.

    Raises:
        InputError, AskedToLeave: see `launch`.
    """
    with contextlib.ExitStack() as held:
        _enter_alone(run, held)
        _fit(run, schedule, device, say)


def _enter_alone(run: RunConfig, held: contextlib.ExitStack) -> None:
    """Lock `out` on rank 0; a second trainer there would cut the first one's log and replace its checkpoints."""
    told: list[InputError | None] = [None]
    if dist.get_global_rank() == 0:
        until = time.monotonic() + GRACE
        while True:
            try:
                held.enter_context(exclusive(run.out / LOCK, "trainer"))
                break
            except InputError as error:
                if time.monotonic() >= until:
                    told = [error]
                    break
                time.sleep(0.2)
    dist.broadcast_object_list(told)
    if told[0] is not None:
        raise told[0]


def _fit(run: RunConfig, schedule: Schedule, device: Device, say: Say) -> None:
    while not _ends(run, schedule, device, say):
        gc.collect()  # the trainer that was rolled back: the next one needs its memory
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _ends(run: RunConfig, schedule: Schedule, device: Device, say: Say) -> bool:
    """Train from the last checkpoint on; returns whether the run is at its end, not rolled back.

    Nothing that it has built outlives it.
    """
    built = build_trainer(run, schedule, device)
    if built is None:
        if dist.get_global_rank() == 0:
            print(f"{run.out}: the run is at its end already", file=sys.stderr)
        _upload_the_rest(run)
        return True
    trainer, dataset = built
    loader = trainer.state.train_dataloader
    assert isinstance(loader, ScheduleLoader)
    try:
        heartbeat.at("starting the loader's workers")
        trainer.fit()
        return True
    except RolledBack:  # on every rank
        for callback in trainer.state.callbacks:
            if isinstance(callback, Checkpointing):
                callback.finish(trainer.state)
        return False
    except AskedToLeave:
        raise
    except Exception as error:
        with undisturbed():
            meant = loader.explained(error) or _meant(error, run)
            say(meant, dataset)
        if meant is error:
            raise
        raise meant from None
    finally:
        dataset.close()
        trainer.engine.close()  # Composer's own `close` ends in a barrier
        # Registered by each engine, with its state; a closed one keeps it: model and data, in a sweep of every run.
        atexit.unregister(Engine._close)


def _meant(error: Exception, run: RunConfig) -> Exception:
    """Returns what the user can do about `error`; itself, if there is nothing."""
    if is_full(error):
        return no_room()
    if isinstance(error, RuntimeError) and is_broken_collective(error):
        return lost_peer(error)
    if is_disk_full(error):
        problem, remedy = f"the disk is full ({error.strerror})", "free some space and start the same command again"
        return InputError(problem, file=error.filename or run.out, remedy=remedy)
    return (advice(error, run) if isinstance(error, RuntimeError) else None) or error


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
