"""Pictures become the pixels that a viewer shows."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from common.pictures import as_seen

RNG = np.random.default_rng(7)


def stored(image: Image.Image, kind: str = "PNG", **options: object) -> Image.Image:
    """The picture as it comes back from a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(io.BytesIO(buffer.getvalue()))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> Image.Image:
    """A PNG written byte by byte (PNG specification, 3rd edition, sections 5 and 11), so that Pillow only reads it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = b"".join(chunk(*one) for one in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")))
    return Image.open(io.BytesIO(b"\x89PNG\r\n\x1a\n" + data))


def on_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The `over` operator of the PNG specification (section 13.16), on white."""
    part = alpha[..., None].astype(float) / 255
    return rgb * part + 255 * (1 - part)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_alpha_shows_white(kind: str, options: dict[str, object]) -> None:
    pixels = RNG.integers(0, 256, (33, 47, 4), np.uint8)
    found = np.asarray(as_seen(stored(Image.fromarray(pixels), kind, **options)))
    assert np.abs(found - on_white(pixels[..., :3], pixels[..., 3])).max() <= 1
    assert (np.asarray(Image.fromarray(pixels).convert("RGB")) != found).any(), "dropping alpha is another picture"


def test_grey_with_alpha_palettes_and_colour_keys_show_white() -> None:
    grey = RNG.integers(0, 256, (9, 11, 2), np.uint8)
    found = np.asarray(as_seen(stored(Image.fromarray(grey))))
    assert np.abs(found - on_white(np.repeat(grey[..., :1], 3, 2), grey[..., 1])).max() <= 1

    index = RNG.integers(0, 4, (9, 11), np.uint8)
    palette = Image.fromarray(index, "P")
    colours = RNG.integers(0, 256, (4, 3), np.uint8)
    palette.putpalette(colours.tobytes())
    alphas = np.array([255, 0, 128, 7], np.uint8)
    found = np.asarray(as_seen(stored(palette, transparency=alphas.tobytes())))
    assert np.abs(found - on_white(colours[index], alphas[index])).max() <= 1
    found = np.asarray(as_seen(stored(palette, "GIF", transparency=2)))
    assert (found[index == 2] == 255).all()
    assert (found[index == 1] == colours[1]).all()

    rgb = RNG.integers(0, 2, (9, 11, 3), np.uint8) * 200
    found = np.asarray(as_seen(stored(Image.fromarray(rgb), transparency=(200, 0, 200))))
    key = (rgb == (200, 0, 200)).all(2)
    assert (found[key] == 255).all()
    assert (found[~key] == rgb[~key]).all()


@pytest.mark.parametrize("clear", [None, 40000])
def test_sixteen_bits_of_grey_are_scaled(clear: int | None) -> None:
    """floor(v * 255 / 65535 + 0.5): PNG specification, section 13.12."""
    values = np.arange(0, 65536, 8, dtype=">u2").reshape(64, 128)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    more = [] if clear is None else [(b"tRNS", struct.pack(">H", clear))]
    found = np.asarray(as_seen(png(128, 64, 16, 0, rows, *more)))
    expected = np.floor(values.astype(float) * 255 / 65535 + 0.5)
    if clear is not None:
        expected[values == clear] = 255
    assert (found == expected[..., None]).all()
    assert len(np.unique(found)) == 256


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(kind: str, orientation: int) -> None:
    """A corner of each colour: where tag 0x0112 puts it (EXIF 2.32: which side the stored first row and column are)."""
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:16, :32], pixels[:16, 32:], pixels[16:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = np.asarray(as_seen(stored(Image.fromarray(pixels), kind, exif=exif.tobytes()))).astype(int)
    # The row and the column of the red corner after turning, for the stored first row and first column.
    row, column = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[orientation]
    assert found.shape == ((64, 32, 3) if orientation >= 5 else (32, 64, 3))
    height, width = found.shape[:2]
    corner = found[row * (height - 1) - (2 * row - 1) * 4, column * (width - 1) - (2 * column - 1) * 4]
    assert np.abs(corner - (255, 0, 0)).max() < 60


def test_a_broken_exif_block_says_nothing() -> None:
    image = stored(Image.fromarray(np.full((8, 8, 3), 90, np.uint8)), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert (np.asarray(as_seen(image)) == 90).all()


def test_opaque_pictures_stay_as_they_are() -> None:
    rgb = RNG.integers(0, 256, (8, 8, 3), np.uint8)
    assert (np.asarray(as_seen(stored(Image.fromarray(rgb)))) == rgb).all()
    assert (np.asarray(as_seen(stored(Image.fromarray(rgb[..., 0])))) == rgb[..., :1]).all()
