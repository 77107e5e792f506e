"""What one loader worker reads, in order: a sequence that is computed, not stored.

Streaming asks for a worker's share of the epoch as an array of sample ids. Here it is a lazy sequence over the
schedule instead: item j follows from arithmetic, so a run of 10^12 samples starts as fast as one of ten, from any
position, under any number of ranks and workers. Batch b of a rank comes from its worker b mod W (torch's DataLoader
deals them so), and a step of the run takes its contiguous positions rank after rank:

    b, o = divmod(j, batch_size)
    position = start + ((b * W + worker) * R + rank) * batch_size + o
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SampleIds = NDArray[np.int64]
Lookup = Callable[[int, int], SampleIds]
"""(start, stop) positions -> global sample ids."""

SPAN = 4096
"""Positions looked up at once, where a rank's share of them is worth it."""


@dataclass(frozen=True)
class Share:
    """Which part of the run a worker reads: positions [start, stop) dealt to `ranks` x `workers`."""

    start: int
    stop: int
    batch_size: int
    """Rows of a rank in a step."""
    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    @property
    def _step(self) -> int:
        return self.batch_size * self.ranks

    @property
    def batches(self) -> int:
        """Batches of this worker, the run's short last one included."""
        steps = -(-(self.stop - self.start) // self._step)
        return max(0, -(-(steps - self.worker) // self.workers))

    def batch(self, b: int) -> tuple[int, int]:
        """Positions [first, end) of this worker's batch `b`.

        The run's last step may be short: its positions are dealt out evenly, in order.
        """
        first = self.start + (b * self.workers + self.worker) * self._step
        rows = min(self._step, self.stop - first)
        return first + rows * self.rank // self.ranks, first + rows * (self.rank + 1) // self.ranks

    def __len__(self) -> int:
        if not self.batches:
            return 0
        first, end = self.batch(self.batches - 1)
        return (self.batches - 1) * self.batch_size + end - first


class LazyWork:
    """A worker's global sample ids as Streaming's iterator wants them: `len()` and `[j]`, read nearly in order."""

    def __init__(self, share: Share, lookup: Lookup) -> None:
        self._share, self._lookup = share, lookup
        # Three of Streaming's threads walk the sequence at their own pace, all within its predownload window.
        self._block = lru_cache(maxsize=64)(self._compute)
        one_round = share.batch_size * share.ranks * share.workers
        self._batches_a_block = max(1, SPAN // one_round)

    def __len__(self) -> int:
        return len(self._share)

    def positions(self) -> Iterator[int]:
        """Position in the run of each item, in order."""
        for b in range(self._share.batches):
            yield from range(*self._share.batch(b))

    def __getitem__(self, j: int) -> int:
        if not 0 <= j < len(self._share):
            raise IndexError(f"item {j} of {len(self._share)}")
        b, offset = divmod(j, self._share.batch_size)
        block, inside = divmod(b, self._batches_a_block)
        return int(self._block(block)[inside][offset])

    def close(self) -> None:
        """Let go of the dataset: what asks for an item from now on gets -1, which Streaming's threads pass over.

        Python keeps each iterator of Streaming, and with it this, until the process ends.
        """
        self._lookup = _no_sample
        self._block.cache_clear()

    def _compute(self, block: int) -> list[SampleIds]:
        """Sample ids of each batch in a block: one lookup over the block where it pays, else over each batch."""
        first = block * self._batches_a_block
        bounds = [self._share.batch(b) for b in range(first, min(first + self._batches_a_block, self._share.batches))]
        if len(bounds) == 1:
            return [self._lookup(*bounds[0])]
        low = bounds[0][0]
        ids = self._lookup(low, bounds[-1][1])
        return [ids[start - low : end - low] for start, end in bounds]


def _no_sample(start: int, stop: int) -> SampleIds:
    return np.full(stop - start, -1, np.int64)
