"""Finds the first position where two schedules differ: in text, and in drawn samples.

`Schedule.prefix_hash` holds up to the position where the two are written differently, found by bisection. They may
still draw the same for a while (a share that differs in the ninth decimal), so the samples after it are compared one by
one, up to a limit, and the learning rates step by step.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from schemas.schedule import Schedule

_CHUNK = 1 << 16
_SEARCHED = 1 << 22
"""Samples that are compared after the written parting."""


@dataclass(frozen=True)
class Parting:
    """How two runs part."""

    written: int | None
    """They are written alike before this position; None: they are the same run."""
    sample: int | None
    """First position with another sample; None: none was found in the range that was compared."""
    rate: int | None
    """First step's position with another learning rate; None likewise."""
    compared: int
    """Position up to which samples and rates were compared."""


def shared_prefix(a: Schedule, b: Schedule) -> int:
    """Largest position up to which the two have equal `prefix_hash`."""
    shorter = min(a.total_samples, b.total_samples)

    def parted(position: int) -> bool:
        return position > shorter or a.prefix_hash(position) != b.prefix_hash(position)

    return max(bisect_left(range(shorter + 2), True, key=parted) - 1, 0)


def compare(a: Schedule, b: Schedule) -> Parting:
    """Find where `a` and `b` part."""
    shorter = min(a.total_samples, b.total_samples)
    written = shared_prefix(a, b)
    if written == shorter == max(a.total_samples, b.total_samples):
        return Parting(None, None, None, shorter)
    end = min(shorter, written + _SEARCHED)
    sample = _first_other_sample(a, b, written, end)
    steps = range(-(-written // a.global_batch) * a.global_batch, end, a.global_batch)
    rate = next((p for p in steps if a.lr(p) != b.lr(p)), None)
    return Parting(written, sample, rate, end)


def _first_other_sample(a: Schedule, b: Schedule, start: int, stop: int) -> int | None:
    known = list(dict.fromkeys(source.identity for run in (a, b) for source in run.sources))
    held_a, held_b = (np.array([known.index(source.identity) for source in run.sources]) for run in (a, b))
    for low in range(start, stop, _CHUNK):
        high = min(low + _CHUNK, stop)
        (ids_a, samples_a), (ids_b, samples_b) = a.samples(low, high), b.samples(low, high)
        different = np.flatnonzero((held_a[ids_a] != held_b[ids_b]) | (samples_a != samples_b))
        if len(different):
            return low + int(different[0])
    return None
