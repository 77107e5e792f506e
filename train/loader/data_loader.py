"""torch's DataLoader over a `ScheduleDataset`, which lets bad data end the run as one clear error."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch.utils.data import DataLoader

from train.loader.dataset import ScheduleDataset
from train.loader.errors import Failure, SourceError
from train.loader.rows.batch import Batch
from train.loader.rows.collate import collate
from train.loader.rows.decode import Row


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
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches.

        Raises:
            SourceError: data of this rank cannot be read, or is not what it should be.
        """
        for batch in super().__iter__():
            if isinstance(batch, Failure):
                if isinstance(batch.error, SourceError):
                    batch.error.told_elsewhere = not self.dataset.first_to_fail()  # type: ignore[attr-defined]
                raise batch.error
            yield batch


_PR_SET_PDEATHSIG = 1


def _end_with(rank: int) -> Callable[[int], None]:
    """For a worker's start: its process ends when the rank's does, however that ends.

    Left to itself, the worker of a killed rank may wait for other workers for ever: Streaming's barrier is a loop.
    """

    def start(worker: int) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != rank:  # it died before it could be told
                os._exit(1)

    return start


def _collate_or_fail(rows: Sequence[Row | Failure]) -> Batch | Failure:
    for row in rows:
        if isinstance(row, Failure):
            return row
    return collate(rows)  # type: ignore[arg-type]
