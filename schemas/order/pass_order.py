"""Computes the order in which a pass visits a source's samples: shuffled, and yet near each other on disk.

Shards are visited in a permuted order; samples are permuted inside blocks of consecutive visited shards. A pass is
therefore a permutation of the whole source (every sample once), another one each pass, while at any moment only the
shards of one block (about `BLOCK_SAMPLES` samples) are needed locally. Memory is a few integers a shard, none a
sample.

With lanes, a pass consists of equal parts, one a lane (`schemas.order.lane_order` sends a lane's draws to its part).
Shards are
dealt to lanes once and for all passes, so that what a node has cached serves it again; the shard that a border cuts is
shared by two lanes. In each pass a lane visits its own shards as above.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.order.permutation import derive_key, permute, permute_one

BLOCK_SAMPLES = 1 << 18
"""Samples that a block holds at least (the last block may hold fewer): the reach of the shuffle."""


class PassOrder:
    """The order of one pass over one source."""

    def __init__(
        self,
        shard_samples: Sequence[int] | NDArray[np.int64],
        key: int,
        block_samples: int = BLOCK_SAMPLES,
        lanes: int = 1,
        home: int = 0,
    ) -> None:
        """Args:
        shard_samples: samples in each shard, in the dataset's order.
        key: names the order; derived from seed, source and pass.
        block_samples: samples that a block of shards holds at least.
        lanes: equal parts of the pass.
        home: names how shards are dealt to lanes; derived from seed and source.
        """
        sizes = np.asarray(shard_samples, np.int64)
        starts = np.cumsum(sizes) - sizes
        if lanes == 1:
            visited = permute(np.arange(len(sizes), dtype=np.int64), len(sizes), derive_key("shards", key))
            self._lay(starts[visited], sizes[visited])
            self._block_end = _block_ends(self._visited_end, block_samples)
        else:
            homes = permute(np.arange(len(sizes), dtype=np.int64), len(sizes), derive_key("homes", home))
            parts = _deal_shards(starts[homes], sizes[homes], lanes)
            orders = [
                permute(np.arange(len(part), dtype=np.int64), len(part), derive_key("shards", key, lane))
                for lane, (part, _) in enumerate(parts)
            ]
            self._lay(
                np.concatenate([part[order] for (part, _), order in zip(parts, orders, strict=True)]),
                np.concatenate([size[order] for (_, size), order in zip(parts, orders, strict=True)]),
            )
            ends, start = [], 0
            for (_, size), order in zip(parts, orders, strict=True):
                if len(size):
                    ends.append(_block_ends(np.cumsum(size[order]), block_samples) + start)
                    start = int(ends[-1][-1])
            self._block_end = np.concatenate(ends)
        self._key = key

    def _lay(self, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        """Visit these pieces of shards one after another."""
        self._visited_end = np.cumsum(sizes)
        self._shift = starts - (self._visited_end - sizes)

    def __call__(self, turn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sample id within the source for the `turn`-th sample of the pass; int64, shape as `turn`."""
        if not len(turn):
            return np.empty(0, np.int64)
        first, last = (int(np.searchsorted(self._block_end, end, "right")) for end in (turn.min(), turn.max()))
        if first == last:
            return self._in_block(first, turn)
        block = np.searchsorted(self._block_end, turn, side="right")
        together = np.argsort(block.astype(np.uint16) if last < 1 << 16 else block, kind="stable")
        numbers, begins = np.unique(block[together], return_index=True)
        ids = np.empty_like(turn)
        for number, here in zip(numbers.tolist(), np.split(together, begins[1:]), strict=True):
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


def _deal_shards(
    starts: NDArray[np.int64], sizes: NDArray[np.int64], lanes: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """First sample and size of the pieces of shards that each lane gets: parts of the whole that differ by a sample."""
    ends = np.cumsum(sizes)
    total = int(ends[-1])
    borders = np.array([total * lane // lanes for lane in range(lanes + 1)], np.int64)
    cuts = np.unique(np.concatenate([[0], ends, borders]))
    shard = np.searchsorted(ends, cuts[:-1], side="right")
    first = starts[shard] + cuts[:-1] - (ends - sizes)[shard]
    split = np.searchsorted(cuts[:-1], borders[1:-1])
    return list(zip(np.split(first, split), np.split(np.diff(cuts), split), strict=True))


def pass_order(
    shard_samples: Sequence[int] | NDArray[np.int64], seed: int, source: str, number: int, lanes: int = 1
) -> PassOrder:
    """The order of pass `number` (from 0) over `source` in a run with this seed."""
    home = derive_key("lanes", seed, source, lanes)
    return PassOrder(shard_samples, derive_key("pass", seed, source, number), lanes=lanes, home=home)
