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

from schemas.permutation import derive_key, permute, permute_one

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
        starts = np.cumsum(sizes) - sizes
        visited = permute(np.arange(len(sizes), dtype=np.int64), len(sizes), derive_key("shards", key))
        self._visited_end = np.cumsum(sizes[visited])
        self._shift = starts[visited] - (self._visited_end - sizes[visited])
        self._block_end = _block_ends(self._visited_end, block_samples)
        self._key = key

    def __call__(self, turn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sample id within the source for the `turn`-th sample of the pass; int64, shape as `turn`."""
        if not len(turn):
            return np.empty(0, np.int64)
        first, last = (int(np.searchsorted(self._block_end, end, "right")) for end in (turn.min(), turn.max()))
        if first == last:
            return self._in_block(first, turn)
        block = np.searchsorted(self._block_end, turn, side="right")
        ids = np.empty_like(turn)
        for number in range(first, last + 1):
            here = np.flatnonzero(block == number)
            ids[here] = self._in_block(number, turn[here])
        return ids

    def one(self, turn: int) -> int:
        """Sample id for a single turn."""
        number = int(np.searchsorted(self._block_end, turn, "right"))
        start = int(self._block_end[number - 1]) if number else 0
        place = start + permute_one(turn - start, int(self._block_end[number]) - start, self._block_key(number))
        shard = int(np.searchsorted(self._visited_end, place, "right"))
        return place + int(self._shift[shard])

    def _in_block(self, number: int, turn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sample ids for turns that all lie in block `number`."""
        start, stop = int(self._block_end[number - 1]) if number else 0, int(self._block_end[number])
        place = permute(turn - start, stop - start, self._block_key(number))
        place += start
        low, high = (int(np.searchsorted(self._visited_end, end, "right")) for end in (start, stop))
        shard = np.searchsorted(self._visited_end[low:high], place, side="right")
        place += self._shift[low:high][shard]
        return place

    def _block_key(self, number: int) -> int:
        return derive_key("block", self._key, number)


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
