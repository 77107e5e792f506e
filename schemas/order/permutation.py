"""Evaluates a keyed permutation of [0, n) point by point: a shuffle without an array of n indices.

A number below n is written as high * width + low, with width about sqrt(n), and a Feistel network adds to each half in
turn a hash of the other (modulo the half's size), which is a permutation of the rectangle whatever the hash is. The
rectangle has fewer than `width` points more than n; what lands on one of those is walked on until it falls below n.
All arithmetic is on unsigned integers that wrap, so equal keys give equal orders on every platform. Not for secrets.

Halves below 2**16 (all n up to 2**32) fit into 32-bit lanes, which is what makes it fast on arrays; a few points at a
time go through plain integers, which is what makes it fast on one. Both do the same arithmetic.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
_FEW = 16
"""Up to so many points, integers are faster than arrays."""
_M32 = 0xFFFFFFFF


def derive_key(*parts: str | int) -> int:
    """A 64-bit key from labels and numbers; a different part anywhere gives an unrelated key."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A bijection of 64-bit words under which close words are far apart (the finaliser of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


@lru_cache(maxsize=4096)
def _round_keys(key: int) -> tuple[int, ...]:
    return tuple(derive_key("feistel", key, turn) & _M32 for turn in range(_ROUNDS))


def permute(index: NDArray[np.int64], size: int, key: int) -> NDArray[np.int64]:
    """Image of each `index` in [0, size) under the permutation that `key` names.

    Shape and dtype: int64, as `index`.
    """
    if len(index) <= _FEW:
        return np.array([permute_one(one, size, key) for one in index.tolist()], np.int64)
    width, height = _rectangle(size)
    keys = _round_keys(key)
    return _walk(index, size, partial(_network, width=width, height=height, keys=keys))


def unpermute(image: NDArray[np.int64], size: int, key: int) -> NDArray[np.int64]:
    """The inverse: `unpermute(permute(index, size, key), size, key)` is `index`."""
    width, height = _rectangle(size)
    keys = _round_keys(key)
    return _walk(image, size, partial(_network_inverse, width=width, height=height, keys=keys))


def _walk(
    points: NDArray[np.int64], size: int, step: Callable[[NDArray[np.int64]], NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Apply `step`, and again to the points that it took out of [0, size)."""
    image = step(points)
    outside = np.flatnonzero(image >= size)
    while len(outside):
        walked = step(image[outside])
        image[outside] = walked
        outside = outside[walked >= size]
    return image


def permute_one(index: int, size: int, key: int) -> int:
    """`permute` for a single index."""
    width, height = _rectangle(size)
    keys = _round_keys(key)
    narrow = width <= 1 << 16
    while True:
        high, low = divmod(index, width)
        for turn, round_key in enumerate(keys):
            if turn % 2:
                high = (high + _hash_one(low, round_key, height, narrow)) % height
            else:
                low = (low + _hash_one(high, round_key, width, narrow)) % width
        index = high * width + low
        if index < size:
            return index


def _rectangle(size: int) -> tuple[int, int]:
    """Width and height of the smallest near-square that holds `size` points."""
    if size < 1:
        raise ValueError(f"a permutation of {size} items does not exist")
    width = math.isqrt(size - 1) + 1
    return width, -(-size // width)


def _network(index: NDArray[np.int64], width: int, height: int, keys: tuple[int, ...]) -> NDArray[np.int64]:
    high, low, lane = _split(index, width)
    for turn, key in enumerate(keys):
        if turn % 2:
            high = _add_modulo(high, _hash_below(low, key, height), lane(height))
        else:
            low = _add_modulo(low, _hash_below(high, key, width), lane(width))
    return _join(high, low, width)


def _network_inverse(image: NDArray[np.int64], width: int, height: int, keys: tuple[int, ...]) -> NDArray[np.int64]:
    """Each turn changes one half by the other, so the turns are undone last to first."""
    high, low, lane = _split(image, width)
    for turn, key in reversed(list(enumerate(keys))):
        if turn % 2:
            high = _subtract_modulo(high, _hash_below(low, key, height), lane(height))
        else:
            low = _subtract_modulo(low, _hash_below(high, key, width), lane(width))
    return _join(high, low, width)


def _split(index: NDArray[np.int64], width: int) -> tuple[NDArray[Any], NDArray[Any], Any]:
    """Row, column, and their dtype."""
    lane: Any = np.uint32 if width <= 1 << 16 else np.uint64
    values = index.astype(lane)
    high = values // lane(width)
    return high, values - high * lane(width), lane


def _join(high: NDArray[Any], low: NDArray[Any], width: int) -> NDArray[np.int64]:
    image: NDArray[np.int64] = high.astype(np.int64)
    image *= width
    image += low.astype(np.int64)
    return image


def _add_modulo(values: NDArray[Any], more: NDArray[Any], size: Any) -> NDArray[Any]:
    """(values + more) % size for terms below size: where the sum is below, subtracting wraps to something larger."""
    more += values
    return np.minimum(more, more - size)


def _subtract_modulo(values: NDArray[Any], less: NDArray[Any], size: Any) -> NDArray[Any]:
    """(values - less) % size for terms below size: a negative difference wraps to something larger, and back."""
    difference = values - less
    return np.minimum(difference, difference + size)


def _hash_below(values: NDArray[Any], key: int, size: int) -> NDArray[Any]:
    """A hash in [0, size) of each value and the key, in the dtype of `values`."""
    mixed = values.astype(np.uint32)
    mixed += np.uint32(key)
    mixed *= np.uint32(0x9E3779B1)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x85EBCA77)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE3D)
    if values.dtype == np.uint32:
        mixed >>= np.uint32(16)
        mixed *= np.uint32(size)
        mixed >>= np.uint32(16)
        return mixed
    wide = mixed.astype(np.uint64)
    wide *= np.uint64(size)
    wide >>= np.uint64(32)
    return wide


def _hash_one(value: int, key: int, size: int, narrow: bool) -> int:
    """`_hash_below` for a single value; `narrow` where the array would have 32-bit lanes."""
    mixed = ((value + key) * 0x9E3779B1) & _M32
    mixed = ((mixed ^ (mixed >> 15)) * 0x85EBCA77) & _M32
    mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE3D) & _M32
    return ((mixed >> 16) * size) >> 16 if narrow else (mixed * size) >> 32
