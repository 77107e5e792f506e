"""Tells a full /dev/shm, through which loader workers hand their batches over, from a full disk and from a hang.

A worker's queue sends from a thread of its own. What this thread cannot put into shared memory it would drop, with a
traceback, and the rank would wait for that batch for ever; here it sends the reason in the batch's place. Blocks have
no names once they are made (torch removes a name as soon as both sides can have the block), so a killed run leaves
none; the names of blocks that could not be made are removed by the process that failed, and by its rank once that
process has ended, which may have been half-way into another block.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from multiprocessing.queues import Queue
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from train.loader.errors import Failure, SourceError

PLACE = Path("/dev/shm")
_LITTLE = 1 << 16
"""Free bytes below which an error without a file's name is taken for shared memory's."""


class NoRoomError(SourceError):
    """Shared memory has no room for a batch."""


def no_room() -> NoRoomError:
    """The error of a rank whose workers need more shared memory than there is."""
    said = os.statvfs(PLACE)
    free, size = (blocks * said.f_frsize for blocks in (said.f_bavail, said.f_blocks))
    return NoRoomError(
        f"shared memory is full ({free:,} of {size:,} bytes are free)",
        file=PLACE,
        field="workers",
        remedy="use fewer `workers`, or make it larger (docker run --shm-size; Kubernetes: an emptyDir of medium "
        "Memory); the same command goes on from the last checkpoint",
    )


def is_full(error: BaseException) -> bool:
    """Whether `error` came of a full /dev/shm: torch says so in words, a semaphore by an error without a file."""
    if isinstance(error, RuntimeError):
        return "shared memory" in str(error) or ("/torch_" in str(error) and os.strerror(errno.ENOSPC) in str(error))
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None
    return full and little_is_left()


def little_is_left() -> bool:
    """Whether there is less room than any worker needs."""
    if not PLACE.is_dir():
        return False
    said = os.statvfs(PLACE)
    return said.f_bavail * said.f_frsize < _LITTLE


def remove_names(processes: Iterable[int | None]) -> None:
    """Remove the names of blocks that `processes` (their ids) have begun and could not make."""
    for process in processes:
        for name in PLACE.glob(f"torch_{process}_*"):
            name.unlink(missing_ok=True)


class Results(Queue):  # type: ignore[type-arg]  # generic in annotations only
    """A worker's queue that says why it could not send a batch."""

    def _on_queue_feeder_error(self, error: Exception, item: Any) -> None:  # type: ignore[override]
        if not is_full(error):
            super()._on_queue_feeder_error(error, item)  # type: ignore[misc]
            return
        remove_names([os.getpid()])
        number, *_ = item
        said = ForkingPickler.dumps((number, Failure(no_room())))
        self._sem.acquire(block=False)  # type: ignore[attr-defined]  # given back for what was not sent
        with self._wlock:  # type: ignore[attr-defined]
            self._writer.send_bytes(said)  # type: ignore[attr-defined]
