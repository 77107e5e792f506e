"""Which shard a sample lies in, by binary search over shard offsets.

Stands in for Streaming's `Spanner`, which lists every sample's shard in every rank (8 bytes a sample) to build its
table. This needs 8 bytes a shard.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ShardSearch:
    """Maps a global sample id to (shard, sample within the shard)."""

    def __init__(self, shard_sizes: NDArray[np.int64], *unused: Any) -> None:
        self._ends = np.cumsum(shard_sizes)

    def __getitem__(self, index: int) -> tuple[int, int]:
        if not 0 <= index < self._ends[-1]:
            raise IndexError(f"sample {index:,} of {int(self._ends[-1]):,}")
        shard = int(np.searchsorted(self._ends, index, side="right"))
        return shard, int(index) - (int(self._ends[shard - 1]) if shard else 0)
