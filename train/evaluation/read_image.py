"""Reads the picture of a question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from schemas.manifest import STRETCH, Fit
from train.loader.rows.decode import DamagedRowError, decode_image


def read_image(path: Path, size: int, fit: Fit = STRETCH) -> NDArray[np.uint8]:
    """RGB pixels [3, size, size] of an image file.

    Raises:
        InputError: it cannot be read or decoded.
    """
    try:
        return decode_image(path.read_bytes(), size, fit)
    except (OSError, DamagedRowError) as error:
        raise InputError(f"cannot use the image ({error})", file=path) from None
