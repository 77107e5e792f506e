"""Inspects an untrusted image before anything is spent on it: type from its first bytes, size from its header.

Decoders are the largest attack surface in an image pipeline, and a 40 kB file may ask for a gigabyte of pixels. So the
order is fixed: magic bytes decide which single decoder may see the data; its header gives the size, which is
checked against the caps; completeness is read from the container; and only then may pixels be decoded. The name that a
file carries is never believed. Every refusal has a reason from `ImageFault`.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, ImageFile
from pydantic import Field

from common.quantities import Bytes
from dataprep.engine.rejects import RejectError
from dataprep.images import container, jpeg, other_kinds
from schemas.manifest import MAX_PIXELS
from schemas.strict_model import Strict

ORIENTATION_TAG = 0x0112
SNIFF_BYTES = other_kinds.ENOUGH


class ImageFault(StrEnum):
    """Why an image is refused."""

    NOT_AN_IMAGE = "not_an_image"
    """No picture by its first bytes (HTML, SVG, text, an archive)."""
    UNSUPPORTED = "unsupported_image"
    """A picture, but neither JPEG, PNG, WebP nor GIF (`other_kinds`); the detail names its kind and what to do."""
    TOO_LARGE = "image_too_large"
    """More bytes than the cap."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """The header announces more pixels than the cap."""
    TOO_SMALL = "image_too_small"
    ASPECT = "aspect_ratio"
    ANIMATED = "animated"
    TRUNCATED = "image_truncated"
    """The container ends before the picture does."""
    TOO_COMPLEX = "image_too_complex"
    """More scans, chunks or metadata than any real picture (`container`): it would only keep its decoder busy."""
    UNDECODABLE = "undecodable"
    """The decoder gave up."""


class ImageError(RejectError):
    """An image that must not go into a dataset; `reason` is an `ImageFault`."""


class ImageLimits(Strict):
    """Limits what an image may be; all of it is known before anything is decoded."""

    max_bytes: Bytes = Field(default=20_000_000, gt=0)
    """Encoded bytes."""
    max_pixels: int = Field(default=50_000_000, gt=0, le=MAX_PIXELS)
    """Width x height."""
    min_side: int = Field(default=1, gt=0)
    """Shorter side, in pixels."""
    max_aspect: float = Field(default=20.0, ge=1)
    """Longer side / shorter side."""


@dataclass(frozen=True)
class ImageInfo:
    """Holds what an image's header says."""

    kind: str
    """jpg, png, webp or gif: the extension that the file should carry."""
    width: int
    """Pixels as stored, before EXIF orientation."""
    height: int
    orientation: int
    """EXIF orientation, 1 (upright) to 8."""


# Once and for all: `warnings.catch_warnings` is not made for threads, and takes a tenth of the time of a header.
warnings.filterwarnings("ignore", module=r"PIL\.")
DECODER = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF"}


def sniff(data: bytes) -> str | None:
    """The extension that the first bytes of `data` call for, or None when they are no image that we read."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return None


def refusal(data: bytes) -> tuple[ImageFault, str]:
    """Reason and detail for what `sniff` does not know, from its first `SNIFF_BYTES` alone."""
    first = data[:SNIFF_BYTES]
    if kind := other_kinds.name(first):
        return ImageFault.UNSUPPORTED, f"{kind}; convert it to PNG or JPEG"
    return ImageFault.NOT_AN_IMAGE, f"starts with {first!r}"


def inspect(data: bytes, limits: ImageLimits, *, decode: bool = False) -> ImageInfo:
    """Check type, size and completeness of `data`; with `decode`, also that its pixels can be had.

    The caps are checked from the header, before any pixel is decoded.

    Raises:
        ImageError: with the first reason that applies.
    """
    if len(data) > limits.max_bytes:
        raise ImageError(ImageFault.TOO_LARGE, f"{len(data)} bytes")
    kind = sniff(data)
    if kind is None:
        raise ImageError(*refusal(data))
    if kind == "jpg" and (plain := jpeg.header(data)):
        _check_size(plain.width, plain.height, limits)
        _check_end(data, _end(data, kind, plain.scan, plain.width * plain.height), kind)
        if decode:
            _decode_jpeg(data, plain)
        return ImageInfo(kind, plain.width, plain.height, 1)
    end = _end(data, kind, 0) if kind != "jpg" else None  # before any decoder reads a header
    with open_image(data, kind) as image:
        width, height = image.size
        scan = image.fp.tell() if kind == "jpg" and image.fp else 0
        _check_size(width, height, limits)
        orientation = _orientation(image, kind)
        if kind != "jpg" and _animated(image):
            raise ImageError(ImageFault.ANIMATED, f"{kind} with several frames")
        _check_end(data, _end(data, kind, scan, width * height) if kind == "jpg" else end, kind)
        if decode and kind == "jpg":
            _decode_jpeg(data, jpeg.Header(image.mode, width, height, scan))
        elif decode:
            _decode(image)
    return ImageInfo(kind, width, height, orientation)


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise ImageError(ImageFault.TOO_MANY_PIXELS, f"{width} x {height}")
    if min(width, height) < limits.min_side:
        raise ImageError(ImageFault.TOO_SMALL, f"{width} x {height}")
    if max(width, height) > limits.max_aspect * min(width, height):
        raise ImageError(ImageFault.ASPECT, f"{width} x {height}")


def _check_end(data: bytes, end: int | None, kind: str) -> None:
    if end is None:
        raise ImageError(ImageFault.TRUNCATED, f"{kind} of {len(data)} bytes has no end")


def _decode_jpeg(data: bytes, header: jpeg.Header) -> None:
    try:
        whole = jpeg.is_whole(data, header)
    except MemoryError:  # the machine's fault
        raise
    except Exception as error:  # decoders raise whatever they like: struct.error, SyntaxError, IndexError, OSError
        raise ImageError(ImageFault.UNDECODABLE, plain_reason(error)) from None
    if not whole:
        raise ImageError(ImageFault.TRUNCATED, f"jpg of {len(data)} bytes stops before its last pixels")


def _decode(image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except MemoryError:  # the machine's fault
        raise
    except Exception as error:
        raise ImageError(ImageFault.UNDECODABLE, plain_reason(error)) from None


def open_image(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Open with the one decoder that the magic bytes call for; reads the header only."""
    try:
        return Image.open(io.BytesIO(data), formats=(DECODER[kind],))  # type: ignore[return-value]
    except Image.DecompressionBombError as error:
        raise ImageError(ImageFault.TOO_MANY_PIXELS, plain_reason(error)) from None
    except MemoryError:  # the machine's fault
        raise
    except Exception as error:  # a header parser fed by strangers may raise anything
        fault = ImageFault.UNDECODABLE if _end(data, kind, SNIFF_BYTES) is not None else ImageFault.TRUNCATED
        raise ImageError(fault, plain_reason(error)) from None


def plain_reason(error: Exception) -> str:
    """The message without the memory addresses that Pillow puts in: records must not differ from run to run."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(error))[:200]


def _orientation(image: Image.Image, kind: str) -> int:
    if kind in ("jpg", "png") and "exif" not in image.info:
        return 1  # of a PNG, Pillow would decode the whole picture in search of a chunk after the pixels
    try:
        value = int(image.getexif().get(ORIENTATION_TAG, 1))
    except MemoryError:  # the machine's fault
        raise
    except Exception:  # broken EXIF does not make a broken picture
        return 1
    return value if 1 <= value <= 8 else 1


def _animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except MemoryError:  # the machine's fault
        raise
    except Exception:  # looking for a second frame of a damaged file; `verify` judges the first one
        return False


def _end(data: bytes, kind: str, start: int, pixels: int = 0) -> int | None:
    try:
        return container.end(data, kind, start, pixels)
    except container.TooComplexError as error:
        raise ImageError(ImageFault.TOO_COMPLEX, str(error)) from None
