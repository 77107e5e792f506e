"""Computes MinHash signatures in bands: documents that share a band are near-duplicates of each other.

The least value of a random function over a document's n-grams is the same for two documents with the probability of
their Jaccard similarity s. `bands * rows` such functions, compared in bands of `rows`, let a pair meet with probability
1 - (1 - s**rows)**bands: a step whose middle is near (1 / bands)**(1 / rows), 0.72 for 14 bands of 8.
The functions are fixed, so the same documents meet in every run.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dataprep.text.selection.ngrams import Hashes, Ngrams, ngrams
from schemas.order.permutation import mixed

CHUNK = 1 << 16
"""N-grams handled at a time: they and one function's values stay in the processor's cache."""


def bands(texts: Sequence[str], *, n: int, bands: int, rows: int) -> list[npt.NDArray[np.int64] | None]:
    """The band keys of each text, shape (bands,), from its n-grams of words; None for a text without a word."""
    grams = ngrams(texts, n)
    some = np.flatnonzero(grams.counts)
    parts = signatures(grams, bands * rows)[some].reshape(len(some), bands, rows).astype(np.uint64)
    keys = mixed(np.arange(bands, dtype=np.uint64)[None, :].repeat(len(some), 0))
    for row in range(rows):
        keys = mixed(keys ^ parts[:, :, row])
    found: list[npt.NDArray[np.int64] | None] = [None] * len(texts)
    for place, one in zip(some.tolist(), keys.view(np.int64), strict=True):
        found[place] = one
    return found


def signatures(grams: Ngrams, functions: int) -> npt.NDArray[np.uint32]:
    """Least value of each function over each document's n-grams: shape (documents, functions)."""
    found = np.full((len(grams.counts), functions), np.iinfo(np.uint32).max, np.uint32)
    factors, terms = _functions(functions)
    low, starts = 0, np.append(grams.starts, len(grams.hashes))
    while low < len(grams.counts):
        high = max(low + 1, int(np.searchsorted(starts, starts[low] + CHUNK, "right")) - 1)
        some = low + np.flatnonzero(grams.counts[low:high])
        if len(some):
            values = (grams.hashes[starts[low] : starts[high]] >> np.uint64(32)).astype(np.uint32)
            offsets = starts[some] - starts[low]
            for function in range(functions):
                found[some, function] = np.minimum.reduceat(values * factors[function] + terms[function], offsets)
        low = high
    return found


@functools.cache
def _functions(count: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Odd factors and terms of x -> factor * x + term modulo 2**32, a bijection."""
    drawn: Hashes = mixed(np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1), drawn.astype(np.uint32)
