"""A keyed permutation of [0, n), evaluated point by point: a shuffle without an array of n indices.

A Feistel network permutes the smallest power of two that holds n, whatever its round function; points that land outside
[0, n) are walked on until they fall inside, which keeps it a permutation and takes fewer than two walks on average. All
arithmetic is on 64-bit unsigned integers, so equal keys give equal orders on every platform. Not for secrets.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6


def derive_key(*parts: str | int) -> int:
    """A 64-bit key from labels and numbers; a different part anywhere gives an unrelated key."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def permute(index: NDArray[np.int64], size: int, key: int) -> NDArray[np.int64]:
    """Image of each `index` in [0, size) under the permutation that `key` names.

    Shape and dtype: int64, as `index`.
    """
    if size < 1:
        raise ValueError(f"a permutation of {size} items does not exist")
    bits = max(2, (size - 1).bit_length())
    low_bits = bits // 2
    keys = [np.uint64(derive_key("feistel", key, turn)) for turn in range(_ROUNDS)]
    values = _network(index.astype(np.uint64), bits, low_bits, keys)
    outside = np.flatnonzero(values >= np.uint64(size))
    while len(outside):
        walked = _network(values[outside], bits, low_bits, keys)
        values[outside] = walked
        outside = outside[walked >= np.uint64(size)]
    return values.astype(np.int64)


def _network(values: NDArray[np.uint64], bits: int, low_bits: int, keys: list[np.uint64]) -> NDArray[np.uint64]:
    low_mask, high_mask = np.uint64((1 << low_bits) - 1), np.uint64((1 << (bits - low_bits)) - 1)
    low, high = values & low_mask, values >> np.uint64(low_bits)
    for turn, key in enumerate(keys):
        if turn % 2:
            low = low ^ (_scramble(high, key) & low_mask)
        else:
            high = high ^ (_scramble(low, key) & high_mask)
    return (high << np.uint64(low_bits)) | low


def _scramble(values: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
    """Round function: two multiply-xorshift steps, wrapping modulo 2**64."""
    mixed = (values + key) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    return mixed
