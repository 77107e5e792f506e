"""Turns a decoded picture into the RGB pixels that a viewer shows.

Loader, evaluation, contact sheet and perceptual hash all look at pictures through this one function, so that what is
trained on, scored, shown and compared is the same. Pillow's own `convert("RGB")` drops the alpha channel, which bares
whatever colour lies beneath it, and cuts 16-bit grey off at 255 instead of scaling it.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

RULE = 2
"""Number of the rule of `as_seen`, raised with every change of pixels. 1 was Pillow's `convert("RGB")` alone."""
_ORIENTATION = 0x0112
"""EXIF tag, 1 to 8; EXIF 2.32, section 4.6.4."""
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of 16-bit grey."""
_FULL = 65535


FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""The formats that data jobs write and the trainer opens."""


class UnusablePictureError(ValueError):
    """A picture that cannot be decoded, or is too large to be."""


def decoded(encoded: bytes, size: int, max_pixels: int) -> Image.Image:
    """The picture that `encoded` holds, as `as_seen` shows it; JPEGs at the lowest resolution of at least `size`.

    The cap on pixels is checked from the header, before anything is decoded.

    Raises:
        UnusablePictureError: it is no picture of a known format, damaged, or of more than `max_pixels` pixels.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise UnusablePictureError(f"an image of {image.width} x {image.height} pixels")
            image.draft("RGB", (size, size))
            return as_seen(image)
    except UnusablePictureError:
        raise
    except (OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise UnusablePictureError(f"an image that cannot be decoded ({error})") from None


def as_seen(image: Image.Image) -> Image.Image:
    """Return `image` as RGB: upright by its EXIF orientation, on white where it is transparent, 16-bit grey scaled.

    Raises:
        OSError: the pixels cannot be decoded.
    """
    image = _upright(image)
    if image.mode in _DEEP:
        return _scaled(image)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        white.alpha_composite(seen)
        return white.convert("RGB")
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turn it; an EXIF block that cannot be read says nothing, as for a viewer."""
    if "exif" not in image.info and image.format not in ("PNG", "TIFF"):
        return image
    try:
        turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
    except Exception:  # a block from a stranger: the parser raises whatever it likes
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _scaled(image: Image.Image) -> Image.Image:
    """16-bit grey in 256 steps, rounded; the one grey that a tRNS chunk names is white."""
    grey = np.asarray(image).astype(np.int64)
    scaled = ((grey.clip(0, _FULL) * 255 + _FULL // 2) // _FULL).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        scaled[grey == clear] = 255
    return Image.fromarray(scaled).convert("RGB")
