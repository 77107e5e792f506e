"""Which shard a sample lies in, by binary search over shard offsets.

Stands in for Streaming's `Spanner`, which lists every sample's shard in every rank (8 bytes a sample) to build its
table. This needs 8 bytes a shard.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ShardSearch:
    """Maps a global sample id to (shard, sample within the shard)."""

    def __init__(self, shard_sizes: NDArray[np.int64], *unused: Any) -> None:
        self._ends = array("q", np.cumsum(shard_sizes, dtype=np.int64).tobytes())

    def __getitem__(self, index: int) -> tuple[int, int]:
        if not 0 <= index < self._ends[-1]:
            raise IndexError(f"sample {index:,} of {self._ends[-1]:,}")
        shard = bisect_right(self._ends, index)
        return shard, int(index) - (self._ends[shard - 1] if shard else 0)
