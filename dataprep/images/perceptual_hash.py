"""Computes a perceptual hash: pictures that look the same differ in few bits, whatever their size or encoding.

It is the difference hash: the picture as the model sees it, in grey, 9 x 8 cells; each bit says whether a cell is
darker than its right neighbour. Pictures without structure (a plain colour, a blank scan) would all be equal by that
measure, so they have no hash and are never taken for copies of each other.
"""

from __future__ import annotations

import io
import itertools

import numpy as np
import numpy.typing as npt
from PIL import Image

from common.pictures import as_seen
from dataprep.images.jpeg import scalable

COLUMNS, ROWS = 9, 8
MIN_RANGE = 16
"""Grey levels between the darkest and the lightest cell, of 255, below which there is nothing to compare."""


def difference_hash(data: bytes) -> int | None:
    """64 bits as a signed integer; None for a picture without structure, or one that cannot be decoded.

    `data` has passed `image.inspect`, so its size is known to be within the caps.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if scalable(data):
                image.draft("RGB", (8 * COLUMNS, 8 * ROWS))
            cells = np.asarray(as_seen(image).convert("L").resize((COLUMNS, ROWS), Image.Resampling.BOX), np.int16)
    except Exception:  # with `decode: false` nobody has looked at the pixels before
        return None
    if int(cells.max()) - int(cells.min()) < MIN_RANGE:
        return None
    bits = np.packbits((cells[:, :-1] < cells[:, 1:]).reshape(-1))
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def later_copies(hashes: npt.NDArray[np.int64], distance: int) -> npt.NDArray[np.bool_]:
    """Which of `hashes` have an earlier one within `distance` bits; shape as given."""
    words = hashes.astype(np.uint64)
    found = np.zeros(len(words), bool)
    for at in range(1, len(words)):
        found[at] = bool((np.bitwise_count(words[:at] ^ words[at]) <= distance).any())
    return found


def bands(distance: int) -> list[tuple[int, int]]:
    """(shift, bits) of `distance` + 1 parts of a hash: two hashes within `distance` bits agree in at least one part."""
    edges = np.linspace(0, 64, distance + 2).round().astype(int).tolist()
    return [(low, high - low) for low, high in itertools.pairwise(edges)]
