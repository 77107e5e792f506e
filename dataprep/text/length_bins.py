"""Counts documents by length in half-octave bins, small enough for a receipt and exact to add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

EDGES: npt.NDArray[np.int64] = np.unique(np.round(2 ** (np.arange(51) / 2)).astype(np.int64))
"""Bin i holds lengths of EDGES[i] to EDGES[i + 1] - 1 ids (1 ... 33,554,432); the last is open."""


def counted(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Documents in each bin, from their ids (1 or more): shape (len(EDGES),)."""
    return np.bincount(np.maximum(np.searchsorted(EDGES, tokens, "right") - 1, 0), minlength=len(EDGES))


def quantile(counts: Sequence[int], share: float) -> tuple[int, int]:
    """The bin that holds the `share` quantile: lengths of at least the first number and below the second."""
    place = int(np.searchsorted(np.cumsum(counts), share * sum(counts)))
    return int(EDGES[place]), int(EDGES[place + 1]) if place + 1 < len(EDGES) else 1 << 62
