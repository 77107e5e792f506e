"""Computes what one loader worker reads, row by row, in order.

A worker's share of the run follows from arithmetic and the schedule, nothing of it is stored: a run of 10^12 samples
starts as fast as one of ten, from any position, under any number of ranks and workers. Batch b of a rank comes from its
worker b mod W (torch's DataLoader deals them so), and a step of the run takes its contiguous positions rank after rank:

    position of row o of batch b = start + (b * W + worker) * global_batch + rows of the ranks before this one + o
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

Lookup = Callable[[int, int], tuple[NDArray[Any], NDArray[Any]]]
"""(start, stop) positions -> (source, sample) of each, as `Schedule.samples` has it."""

SPAN = 4096
"""Positions looked up at once, where a rank's share of them is worth it."""


class Drawn(NamedTuple):
    """A row of the run before it is read."""

    position: int
    """Place in the run."""
    source: int
    """Index of the source in the schedule."""
    sample: int
    """Number of the sample within its source."""


def dealt(rows: int, rank: int, ranks: int) -> int:
    """Rows of a step that the ranks before `rank` have: the first ones have one more where it does not come out even.

    (So no rank has more rows of a shorter step.)
    """
    each, more = divmod(rows, ranks)
    return each * rank + min(rank, more)


@dataclass(frozen=True)
class Share:
    """Which part of the run a worker reads: positions [start, stop) dealt to `ranks` x `workers`."""

    start: int
    stop: int
    batch_size: int
    """Rows of this rank in a step."""
    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1
    global_batch: int | None = None
    """Rows of all ranks in a step; None: `batch_size` on each."""

    @property
    def _step(self) -> int:
        return self.global_batch or self.batch_size * self.ranks

    @property
    def batches(self) -> int:
        """Batches of this worker, the run's short last one included."""
        steps = -(-(self.stop - self.start) // self._step)
        return max(0, -(-(steps - self.worker) // self.workers))

    def batch(self, b: int) -> tuple[int, int]:
        """Positions [first, end) of this worker's batch `b`.

        Ranks that do not divide a step's rows, such as those of the run's short last step, share them evenly, in order.
        """
        first = self.start + (b * self.workers + self.worker) * self._step
        rows = min(self._step, self.stop - first)
        return first + dealt(rows, self.rank, self.ranks), first + dealt(rows, self.rank + 1, self.ranks)

    def __len__(self) -> int:
        if not self.batches:
            return 0
        first, end = self.batch(self.batches - 1)
        return (self.batches - 1) * self.batch_size + end - first

    def rows(self, lookup: Lookup) -> Iterator[Drawn]:
        """Yields what the worker reads, in order: one lookup over several batches where it pays, else one over each."""
        in_turn = max(1, SPAN // (self._step * self.workers))
        for first in range(0, self.batches, in_turn):
            bounds = [self.batch(b) for b in range(first, min(first + in_turn, self.batches))]
            low = bounds[0][0]
            sources, samples = (found.tolist() for found in lookup(low, bounds[-1][1]))
            for start, end in bounds:
                for position in range(start, end):
                    yield Drawn(position, sources[position - low], samples[position - low])
