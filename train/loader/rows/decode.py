"""Decodes a row of an MDS shard into a row of a batch: ids, labels, decoded images.

Images come from strangers, so a cap on pixels is checked from the header before anything is decoded, and only the
formats that dataprep writes are opened. Pillow decodes and resizes, JPEGs at the lowest resolution that serves: its
integer arithmetic gives the same pixels on every machine, which faster pairs do not promise (docs/loader.md). Which
ids bear loss is decided here and nowhere else: what the row's mask says, or, without a mask, every id that is neither
padding nor an image placeholder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.pictures import UnusablePictureError, decoded
from schemas.manifest import MAX_PIXELS, PAD, STRETCH, Fit, ImageGeometry, TokenizerIdentity
from train.loader.rows.batch import IGNORED

MAX_SIDE = math.isqrt(MAX_PIXELS)
GREY = (127, 127, 127)
_NONE = np.empty(0, np.int64)


class DamagedRowError(RuntimeError):
    """A row that breaks the data contract; the dataset adds which one it was."""


class DamagedImageError(DamagedRowError):
    """An image of the row cannot be used; the row is sound."""

    picture = 0
    """Which of the row's images it is, from 0."""


class Row(NamedTuple):
    """Holds one packed sequence."""

    tokens: NDArray[np.int64]
    """[L]."""
    labels: NDArray[np.int64]
    """[L]: the id to predict at each position, or `IGNORED`; the last position predicts nothing."""
    pixels: NDArray[np.uint8]
    """[images, 3, size, size], RGB."""
    real_tokens: int
    """Ids that are not padding."""
    source: int
    """Index of the source in the schedule."""
    sample: int = 0
    """Number of the sample within its source."""
    position: int = 0
    """Place in the run."""


def decode_row(
    raw: Mapping[str, Any],
    source: int,
    seq_len: int,
    tokenizer: TokenizerIdentity,
    geometry: ImageGeometry | None,
    sample: int = 0,
    position: int = 0,
) -> Row:
    """Decode an MDS row of any kind (text, pairs, conversations).

    Raises:
        DamagedRowError: wrong length, or placeholders that do not match the images.
    """
    ids = np.asarray(raw["tokens"])  # compared in the width that they are stored in: a quarter of the memory traffic
    if ids.shape != (seq_len,):
        raise DamagedRowError(f"{ids.shape} ids where the manifest says {seq_len}")
    padding, placeholder = ids == tokenizer.pad_id, ids == tokenizer.image_id
    paddings, placeholders = int(np.count_nonzero(padding)), int(np.count_nonzero(placeholder))
    labels = np.empty(seq_len, np.int64)
    labels[:-1], labels[-1] = ids[1:], IGNORED
    if "loss_mask" in raw:
        labels[:-1][~np.asarray(raw["loss_mask"]).astype(bool)[1:]] = IGNORED
    elif paddings or placeholders:
        labels[:-1][(padding | placeholder)[1:]] = IGNORED
    pixels = _decode_images(raw, placeholders, geometry)
    return Row(ids.astype(np.int64), labels, pixels, seq_len - paddings, source, sample, position)


def _decode_images(raw: Mapping[str, Any], placeholders: int, geometry: ImageGeometry | None) -> NDArray[np.uint8]:
    """[images, 3, size, size]: the row's images."""
    size, tokens, fit = (geometry.size, geometry.tokens, geometry.fit) if geometry else (1, 0, STRETCH)
    lengths = np.asarray(raw["image_lengths"], np.int64) if "image_lengths" in raw else _NONE
    if placeholders != len(lengths) * tokens:
        raise DamagedRowError(f"{len(lengths)} images but {placeholders} image placeholders")
    pixels = np.empty((len(lengths), 3, size, size), np.uint8)
    for index, encoded in enumerate(_cut(raw.get("images", b""), lengths)):
        try:
            pixels[index] = decode_image(encoded, size, fit)
        except DamagedImageError as error:
            damage = DamagedImageError(f"{error} (picture {index + 1} of {len(lengths)})")
            damage.picture = index
            raise damage from None
    return pixels


def decode_image(encoded: bytes, size: int, fit: Fit = STRETCH) -> NDArray[np.uint8]:
    """RGB pixels [3, size, size] of an encoded image, resized to the encoder's square (`fit` says how).

    Raises:
        DamagedImageError: not an image of a known format, or more than `MAX_PIXELS` pixels.
    """
    try:
        square = decoded(encoded, size, MAX_PIXELS)
        if fit == PAD:
            square = _padded(square)
        if square.size != (size, size):
            square = square.resize((size, size), Image.Resampling.BICUBIC)
        return np.asarray(square, np.uint8).transpose(2, 0, 1)
    except (UnusablePictureError, OSError, ValueError) as error:
        raise DamagedImageError(str(error)) from None


def _padded(picture: Image.Image) -> Image.Image:
    """The picture in the middle of a grey square, as LLaVA-1.5 pads it (its encoder's mean colour; of SigLIP, 127)."""
    if max(picture.size) ** 2 > MAX_PIXELS:  # a strip that would become a huge square
        picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC)
    side = max(picture.size)
    square = Image.new("RGB", (side, side), GREY)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def _cut(images: bytes, lengths: NDArray[np.int64]) -> Iterator[bytes]:
    if int(lengths.sum()) != len(images):
        raise DamagedRowError(f"image lengths sum to {int(lengths.sum()):,}, the images hold {len(images):,} bytes")
    start = 0
    for length in lengths.tolist():
        yield images[start : start + length]
        start += length
