"""Runs torch's DataLoader over a `ScheduleDataset`; bad data ends the run as one clear error."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import ForkContext, ForkProcess
from types import FrameType
from typing import Any

from torch.utils.data import DataLoader

from common.errors import InputError
from common.process import end_with_parent
from train.loader.dataset import ScheduleDataset
from train.loader.errors import (
    Failure,
    SourceError,
    ended_by_another,
    is_broken_collective,
    lost_peer,
    lost_worker,
)
from train.loader.rows.batch import Batch
from train.loader.rows.collate import collate
from train.loader.rows.decode import Row
from train.loader.shared_memory import NoRoomError, Results, is_full, little_is_left, no_room, remove_names

_HEARD = 3.0
"""Seconds within which a rank hears why another of its node has left, or that a worker of its own has."""


class ScheduleLoader(DataLoader[Batch]):
    """Batches of this rank, in the schedule's order, made by `workers` processes (0: in this one)."""

    def __init__(self, dataset: ScheduleDataset, workers: int, *, pin_memory: bool = False) -> None:
        super().__init__(
            dataset,  # type: ignore[arg-type]
            batch_size=dataset.batch_size,
            collate_fn=_collate_or_fail,
            num_workers=workers,
            pin_memory=pin_memory,
            drop_last=False,
            worker_init_fn=_end_with(os.getpid()) if workers else None,
            multiprocessing_context=_Recorded() if workers else None,
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches.

        Raises:
            SourceError: data of this rank cannot be read, or is not what it should be.
            RuntimeError: a worker was lost; see `explained`.
        """
        if self._workers is not None:
            self._workers.started.clear()
        if self._workers is not None and little_is_left():
            raise self._first(no_room())  # torch's iterator would break half-way, and once more when it is dropped
        try:
            batches = super().__iter__()
        except OSError as error:
            if is_full(error):
                raise self._first(no_room()) from None
            raise
        _raise_outside_of_errors()
        failure: Failure | None = None
        for batch in batches:
            if isinstance(batch, Failure):
                failure = batch
                break
            yield batch
        if failure is None:
            return
        reason = self._first(failure.error)
        if isinstance(reason, NoRoomError) and self._workers is not None:
            del batches  # torch ends its workers when nothing refers to its iterator
            for process in self._workers.started:
                process.join(_HEARD)
            remove_names(process.pid for process in self._workers.started)
        raise reason

    def _first(self, error: InputError) -> InputError:
        """Note in `error` whether another rank of the node has failed before."""
        if isinstance(error, SourceError):
            error.told_elsewhere = not self._data.first_to_fail()
        return error

    def explained(self, error: Exception) -> SourceError | None:
        """Why this rank cannot go on, if `error` is only what came of it: a worker was lost, or another rank is gone.

        torch says that a worker was lost by a `RuntimeError`, wherever the rank happens to be, unless reading what the
        worker had left fails first: a connection ends before the kernel says that its process has. A collective that
        another rank has left fails with a `RuntimeError`.
        """
        if isinstance(error, InputError):
            return None
        until = time.monotonic() + (_HEARD if isinstance(error, RuntimeError | EOFError | OSError) else 0)
        while not (found := self._reason(error)) and time.monotonic() < until:
            time.sleep(0.05)  # a peer may close its connections before it has said why
        return found or (self._gone(error) if isinstance(error, RuntimeError) else None)

    def _reason(self, error: Exception) -> SourceError | None:
        ended = [(n, p) for n, p in enumerate(self._workers.started if self._workers else []) if p.exitcode]
        if ended:  # one that was told to end, because another had died, does not count
            number, process = min(ended, key=lambda one: one[1].exitcode == -signal.SIGTERM)
            lost = lost_worker(number, process.pid or 0, process.exitcode or 0)
            self._first(lost)
            return lost
        return ended_by_another() if isinstance(error, RuntimeError) and self._data.failed_elsewhere() else None

    def _gone(self, error: RuntimeError) -> SourceError | None:
        """Why this rank cannot go on, if `error` says that a collective broke, and no rank has given a reason."""
        if not is_broken_collective(error):
            return None
        lost = lost_peer(error)
        self._first(lost)
        return lost

    @property
    def _workers(self) -> _Recorded | None:
        context = self.multiprocessing_context
        return context if isinstance(context, _Recorded) else None

    @property
    def _data(self) -> ScheduleDataset:
        assert isinstance(self.dataset, ScheduleDataset)
        return self.dataset


class _Recorded(ForkContext):
    """Starts processes as torch would, and remembers them: how one ended is not torch's to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[ForkProcess] = []

    def Process(self, *arguments: Any, **settings: Any) -> ForkProcess:  # type: ignore[override]  # noqa: N802 - its name
        """A new process that is not started yet."""
        process = ForkProcess(*arguments, **settings)
        self.started.append(process)
        return process

    def Queue(self, maxsize: int = 0) -> Results:  # type: ignore[override]  # noqa: N802 - its name
        """A queue that tells the rank if shared memory has no room for a batch."""
        return Results(maxsize, ctx=self)


def _raise_outside_of_errors() -> None:
    """Keep torch's handler of SIGCHLD from raising while another error is handled already.

    A lost worker's connection breaks a moment before the signal comes; an exception in the middle of the handling of
    that error would take its place, unheard.
    """
    raises = signal.getsignal(signal.SIGCHLD)
    if not callable(raises) or isinstance(raises, _OutsideOfErrors):
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, _OutsideOfErrors(raises))


class _OutsideOfErrors:
    """Calls a signal handler unless an exception is being handled; torch looks after its workers every 5 s anyway."""

    def __init__(self, raises: Callable[[int, FrameType | None], Any]) -> None:
        self._raises = raises

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if sys.exc_info()[1] is None:
            self._raises(number, frame)


def _end_with(rank: int) -> Callable[[int], None]:
    """Ties a worker to its rank when it starts: its process ends when the rank's does, however that ends."""

    def begin(worker: int) -> None:
        end_with_parent(signal.SIGKILL, rank)
        for number in (signal.SIGINT, signal.SIGUSR1):  # terminals and schedulers signal all of a job: its rank decides
            signal.signal(number, signal.SIG_IGN)

    return begin


def _collate_or_fail(rows: Sequence[Row | Failure]) -> Batch | Failure:
    for row in rows:
        if isinstance(row, Failure):
            return row
    return collate(rows)  # type: ignore[arg-type]
