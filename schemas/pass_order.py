"""In which order a pass visits a source's samples: shuffled, and yet near each other on disk.

Shards are visited in a permuted order; samples are permuted inside blocks of consecutive visited shards. A pass is
therefore a permutation of the whole source (every sample once), another one each pass, while at any moment only the
shards of one block (about `BLOCK_SAMPLES` samples) are needed locally. Memory is a few integers a shard, none a
sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.permutation import derive_key, permute

BLOCK_SAMPLES = 1 << 18
"""Samples that a block holds at least (the last block may hold fewer): the reach of the shuffle."""


class PassOrder:
    """The order of one pass over one source."""

    def __init__(
        self, shard_samples: Sequence[int] | NDArray[np.int64], key: int, block_samples: int = BLOCK_SAMPLES
    ) -> None:
        """Args:
        shard_samples: samples in each shard, in the dataset's order.
        key: names the order; derived from seed, source and pass.
        block_samples: samples that a block of shards holds at least.
        """
        sizes = np.asarray(shard_samples, np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        visited = permute(np.arange(len(sizes), dtype=np.int64), len(sizes), derive_key("shards", key))
        self._shard_start = starts[visited]
        self._visited_end = np.cumsum(sizes[visited])
        self._visited_start = self._visited_end - sizes[visited]
        self._block_end = _block_ends(self._visited_end, block_samples)
        self._key = key

    def __call__(self, turn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sample id within the source for the `turn`-th sample of the pass; int64, shape as `turn`."""
        block = np.searchsorted(self._block_end, turn, side="right")
        place = np.empty_like(turn)
        for number in np.unique(block).tolist():
            here = block == number
            start = int(self._block_end[number - 1]) if number else 0
            size = int(self._block_end[number]) - start
            place[here] = start + permute(turn[here] - start, size, derive_key("block", self._key, number))
        shard = np.searchsorted(self._visited_end, place, side="right")
        return self._shard_start[shard] + (place - self._visited_start[shard])


def _block_ends(visited_end: NDArray[np.int64], block_samples: int) -> NDArray[np.int64]:
    """Cut the visited shards into blocks of at least `block_samples`; a short rest joins the last block."""
    total = int(visited_end[-1])
    ends: list[int] = []
    start = 0
    while total - start >= 2 * block_samples:
        end = int(visited_end[np.searchsorted(visited_end, start + block_samples)])
        if total - end < block_samples:
            break
        ends.append(end)
        start = end
    return np.array([*ends, total], np.int64)


def pass_order(shard_samples: Sequence[int] | NDArray[np.int64], seed: int, source: str, number: int) -> PassOrder:
    """The order of pass `number` (from 0) over `source` in a run with this seed."""
    return PassOrder(shard_samples, derive_key("pass", seed, source, number))
