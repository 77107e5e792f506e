"""Pictures as bytes, harmless and not; the fixture `picture` makes the harmless ones."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
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


def lossless_jpeg(grey: npt.NDArray[np.uint8]) -> bytes:
    """A lossless JPEG (ITU-T T.81, annex H; predictor 1) of 8-bit grey, which no encoder at hand writes."""
    bits = []
    for y, row in enumerate(grey.astype(int).tolist()):
        before = int(grey[y - 1, 0]) if y else 128
        for value in row:
            difference, before = value - before, value
            size = abs(difference).bit_length()
            bits.append(f"{size:04b}")
            if size:
                bits.append(f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}")
    joined = "".join(bits)
    joined += "1" * (-len(joined) % 8)
    data = int(joined, 2).to_bytes(len(joined) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker: int, content: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content

    frame = segment(0xC3, struct.pack(">BHHB", 8, *grey.shape, 1) + bytes([1, 0x11, 0]))
    table = segment(0xC4, bytes([0, 0, 0, 0, 9, *[0] * 12]) + bytes(range(9)))  # codes of 4 bits
    return b"\xff\xd8" + frame + table + segment(0xDA, bytes([1, 1, 0, 1, 0, 0])) + data + b"\xff\xd9"
