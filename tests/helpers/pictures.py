"""Pictures as bytes, harmless and not; the fixture `picture` makes the harmless ones."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """`image` as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@functools.cache
def huge_png(side: int) -> bytes:
    """A valid PNG of side x side black pixels in a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """`picture(seed, kind="JPEG", size=(64, 48))`: encoded bytes of a smooth picture, equal for equal arguments."""

    def encode(seed: int, kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
        small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        image, out = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC), io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    return encode
