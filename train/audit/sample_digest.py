"""Sums up the drawn samples as one number that is the same for any batch size, cluster or resume.

Every row that a rank trains on has a 64-bit digest of (position, source, sample); a stretch of the run is the sum of
its rows' digests, modulo 2^64. Sums do not mind who adds them or in which order, so ranks add theirs in the step's
all-reduce, and a run's number goes on across resumes and changes of the global batch; and yet a lost, repeated or
misplaced sample changes it (but for one case in 2^64). What it ought to be follows from the schedule alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from schemas.order.permutation import derive_key, mixed
from schemas.schedule import Schedule

MODULUS = 1 << 64
_CHUNK = 1 << 16
"""Positions at a time: arrays of this length stay in the processor's cache."""

Words = NDArray[np.uint64]


def source_keys(schedule: Schedule) -> Words:
    """A number for each source that follows its name and content, not its place in the schedule."""
    return np.array([derive_key("source", s.name, s.identity) for s in schedule.sources], np.uint64)


def row_digests(
    keys: Words, positions: NDArray[np.int64], sources: NDArray[np.int64], samples: NDArray[np.int64]
) -> Words:
    """uint64 [n], one for each row. `keys` are `source_keys`; the others are [n]."""
    return mixed(mixed(positions.astype(np.uint64) + keys[sources]) + samples.astype(np.uint64))


def total(digests: Words) -> int:
    """Their sum modulo 2^64."""
    return int(digests.sum(dtype=np.uint64))


def due(schedule: Schedule, start: int, stop: int, tell: Callable[[int], None] | None = None) -> int:
    """Computes the digest that the schedule gives for positions [start, stop); `tell` hears how far it has come."""
    keys, found = source_keys(schedule), 0
    for low in range(start, stop, _CHUNK):
        high = min(low + _CHUNK, stop)
        sources, samples = schedule.samples(low, high)
        found += total(row_digests(keys, np.arange(low, high, dtype=np.int64), sources.astype(np.int64), samples))
        if tell is not None:
            tell(high)
    return found % MODULUS


def text(value: int) -> str:
    """Formats a digest as 16 hex digits."""
    return f"{value:016x}"
