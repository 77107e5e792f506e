"""Keeps the books of a node's shards: which are there, when each was read, what they take, in memory that ranks share.

The first rank of a node makes the memory, a nameless file; the other ranks open it through that rank, and loader
workers inherit it. When the last of them ends, however it ends, the memory is gone: there is no name to clean up. A
file lock on it, which the kernel takes back from a process that dies, guards every change that has to be whole.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
from numpy.typing import NDArray

ABSENT, PREPARING, PRESENT = range(3)
"""States of a shard: not there, taken on by a process that makes it ready, there to be read."""
_HEAD = 2
_CLAIMED, _TOLD = 1, 2
"""States of a failure; 0: there is none."""


class Ledger:
    """The books over a number of shards. Changes of `states` and `usage` are made while `locked`."""

    states: NDArray[np.uint8]
    """[shards]: `ABSENT`, `PREPARING` or `PRESENT`."""
    times: NDArray[np.uint64]
    """[shards]: when each was read last, in nanoseconds."""

    def __init__(self, handle: int, path: str, shards: int) -> None:
        self.path = path
        """Where other ranks of the node find the memory, for as long as its maker has it open."""
        self._handle, self._process, self._threads = handle, os.getpid(), threading.Lock()
        memory = mmap.mmap(handle, _size(shards))
        self._head = np.frombuffer(memory, np.int64, _HEAD)
        self.times = np.frombuffer(memory, np.uint64, shards, offset=8 * _HEAD)
        self.states = np.frombuffer(memory, np.uint8, shards, offset=8 * (_HEAD + shards))

    @classmethod
    def create(cls, shards: int) -> Self:
        """Make the memory: every shard is absent."""
        if sys.platform == "linux":
            handle = os.memfd_create("switchpoint-shards")
            path = f"/proc/{os.getpid()}/fd/{handle}"
        else:
            handle, path = tempfile.mkstemp(prefix="switchpoint-shards-")
        os.truncate(handle, _size(shards))
        return cls(handle, path, shards)

    @classmethod
    def attach(cls, path: str, shards: int) -> Self:
        """Open the memory that another rank has made."""
        return cls(os.open(path, os.O_RDWR | os.O_CLOEXEC), path, shards)

    @property
    def usage(self) -> int:
        """Bytes that shards take in the cache, those that are reserved for one in preparation included."""
        return int(self._head[0])

    @usage.setter
    def usage(self, size: int) -> None:
        self._head[0] = size

    @property
    def failed(self) -> bool:
        """Whether a rank has claimed that it cannot go on."""
        return bool(self._head[1])

    @property
    def told(self) -> bool:
        """Whether the rank that has claimed so has said why."""
        return int(self._head[1]) == _TOLD

    def tell(self) -> None:
        """Note that the reason has been said."""
        self._head[1] = _TOLD

    def claim_failure(self) -> bool:
        """Say that this rank cannot go on; returns whether it is the first to say so."""
        with self.locked():
            if first := not self.failed:
                self._head[1] = _CLAIMED
        return first

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep out the node's other processes, and this one's other threads."""
        if self._process != os.getpid():  # forked: a lock would be held together with the parent
            inherited = self._handle
            self._handle = os.open(f"/dev/fd/{inherited}" if sys.platform == "linux" else self.path, os.O_RDWR)
            self._process, self._threads = os.getpid(), threading.Lock()
            os.close(inherited)
        with self._threads:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let nobody else find the memory; who has it open keeps it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if not self.path.startswith("/proc/") and os.path.exists(self.path):
            os.unlink(self.path)


def _size(shards: int) -> int:
    return 8 * (_HEAD + shards) + shards
