"""Which pairs of a tar selection has left out, as its task finds it: a file for each tar."""

from __future__ import annotations

import numpy as np

from dataprep.engine.paths import STAGING
from dataprep.storage import files

REASONS = ("where", "duplicate_uid", "near_duplicate")
"""Reason codes; a decision holds their index."""


def selection_file(number: int) -> str:
    """Name of the list of pairs of tar `number` that are left out, below the dataset's root."""
    return f"{STAGING}/selection/{number:05}.bin"


def dropped(out: str, number: int) -> dict[int, str]:
    """Reason by place of the pairs of a tar that are left out."""
    data = files.read_bytes(files.join(out, selection_file(number)))
    count = len(data) // 9
    places, reasons = np.frombuffer(data, np.int64, count), np.frombuffer(data, np.uint8, count, 8 * count)
    return {place: REASONS[reason] for place, reason in zip(places.tolist(), reasons.tolist(), strict=True)}
