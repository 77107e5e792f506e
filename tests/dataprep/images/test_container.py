"""Where pictures end, and what is refused because it would only keep a decoder busy."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataprep.images import container
from dataprep.images.inspect import ImageError, ImageInfo, ImageLimits, inspect
from dataprep.images.jpeg import scalable
from dataprep.images.perceptual_hash import difference_hash
from tests.helpers.pictures import lossless_jpeg, saved

LIMITS = ImageLimits()
PICTURE = Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(extra: bytes) -> bytes:
    data = saved(PICTURE, "PNG")
    return data[:33] + extra + data[33:]


def gif(extra: bytes) -> bytes:
    data = saved(PICTURE.convert("P"), "GIF")
    table = 13 + (3 << ((data[10] & 7) + 1))
    return data[:table] + extra + data[table:]


def comment(size: int) -> bytes:
    return b"\x21\xfe" + (b"\xff" + b"c" * 255) * (size // 255) + b"\0"


def scans(count: int, picture: Image.Image = PICTURE) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = saved(picture.convert("L"), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "WEBP"])
@pytest.mark.parametrize("behind", [b"\n", b"\0" * 5000, b"IEND;\xff\xda" * 5000, b"PK\x03\x04" + b"x" * 99])
def test_bytes_behind_the_end_cost_no_picture(kind: str, behind: bytes) -> None:
    if kind == "JPEG" and b"\xff\xda" in behind:
        behind = b"x" * 5000
    data = saved(PICTURE, kind)
    assert inspect(data + behind, LIMITS, decode=True) == inspect(data, LIMITS, decode=True)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_an_end_inside_the_data_is_none(kind: str) -> None:
    data = saved(PICTURE, kind)
    for keep in range(20, len(data) - 60, 7):
        with pytest.raises(ImageError):
            inspect(data[:keep] + b"IEND;" * 3, LIMITS, decode=True)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (scans(20_000), "20,000 scans"),
        (scans(30, Image.new("L", (7000, 7000))), "1,470,000,000 pixels in all scans"),
        (png(chunk(b"teSt", b"") * 1_000_000), "65,537 chunks"),
        (png(chunk(b"teSt", bytes(9 << 20))), "9,437,184 bytes of metadata"),
        (png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20))) * 300), "257 compressed texts"),
        (gif(comment(8 << 20)), "8,421,... bytes of extensions"),
        (gif(b"\x21\xfe\x01c\0" * 400_000), "bytes of extensions|blocks"),
    ],
    ids=["scans", "scanned", "chunks", "metadata", "texts", "comment", "comments"],
)
def test_what_would_keep_a_decoder_busy_is_refused_at_once(data: bytes, detail: str) -> None:
    began = time.process_time()
    with pytest.raises(ImageError, match=rf"image_too_complex: .*({detail})"):
        inspect(data, LIMITS, decode=True)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "data",
    [
        scans(container.MAX_SCANS),
        scans(20, Image.new("L", (1000, 1000))),
        png(chunk(b"teSt", b"") * 60_000),
        gif(comment(1 << 20)),
        gif(b"\x21\xfe\x01c\0" * 30_000),
    ],
    ids=["scans", "scanned", "chunks", "comment", "comments"],
)
def test_what_is_within_the_bounds_decodes_in_time(data: bytes) -> None:
    began = time.process_time()
    assert inspect(data, LIMITS, decode=True).width in (60, 1000)
    assert time.process_time() - began < 2


def test_lossless_jpegs_are_whole_pictures(tmp_path: Path) -> None:
    """In a process of its own: asked for a smaller picture, the decoders write the whole one over the heap."""
    grey = np.add.outer(np.arange(200), np.arange(400)).astype(np.uint8)
    data = lossless_jpeg(grey)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image), grey)
    (tmp_path / "a.jpg").write_bytes(data)
    program = (
        "import sys\n"
        "from dataprep.download.contact_sheet import _small\n"
        "from dataprep.images.inspect import *\n"
        "from dataprep.images.perceptual_hash import difference_hash\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "for _ in range(30):\n"
        "    assert inspect(data, ImageLimits(), decode=True) == ImageInfo('jpg', 400, 200, 1)\n"
        "    assert difference_hash(data) is not None and _small(data, ImageLimits())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.jpg")], capture_output=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, b"")
    for cut in (data[: len(data) // 2], data[: len(data) // 2] + b"\xff\xd9"):
        with pytest.raises(ImageError):
            inspect(cut, LIMITS, decode=True)


def test_only_frames_that_scale_are_scaled() -> None:
    for options in ({}, {"progressive": True}, {"icc_profile": b"x\xff\xc3" * 900}, {"comment": b"c"}, {"exif": b"x"}):
        assert scalable(saved(PICTURE, "JPEG", **options))
    lossless = lossless_jpeg(np.zeros((8, 8), np.uint8))
    baseline = saved(PICTURE.convert("L"), "JPEG")
    frame = baseline[baseline.index(b"\xff\xc0") :][:13]
    for data in (lossless, lossless[:2] + b"\xff" + lossless[2:], b"\xff\xd8\0" + baseline[2:], baseline[:2], b""):
        assert not scalable(data)
    assert scalable(baseline[:2] + frame + lossless[2:]), "two frames: an error to every decoder"
    assert difference_hash(baseline[:2] + frame + lossless[2:]) is None


def test_sizes_are_read_as_before() -> None:
    assert inspect(png(b""), LIMITS, decode=True) == ImageInfo("png", 60, 40, 1)
    assert inspect(gif(b""), LIMITS, decode=True) == ImageInfo("gif", 60, 40, 1)
