"""Pictures of kinds that are not taken are named, with what to do; what only looks like one is not."""

from __future__ import annotations

import pytest
from PIL import Image, features

from dataprep.images.inspect import ImageError, ImageFault, ImageLimits, inspect
from dataprep.images.other_kinds import ENOUGH, name
from tests.helpers.pictures import saved

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
JXL = b"\xff\x0a\x7f\x03"
WRITTEN = {
    ("TIFF", "RGB"): "TIFF",
    ("TIFF", "I;16"): "TIFF",
    ("BMP", "RGB"): "BMP",
    ("BMP", "1"): "BMP",
    ("PPM", "RGB"): "PNM",
    ("PPM", "L"): "PNM",
    ("PPM", "1"): "PNM",
    ("ICO", "RGBA"): "icon",
    ("JPEG2000", "RGB"): "JPEG 2000",
    ("AVIF", "RGB"): "AVIF",
}


@pytest.mark.parametrize(("kind", "mode"), WRITTEN)
def test_each_kind_is_refused_by_name_with_what_to_do(kind: str, mode: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    data = saved(Image.new(mode, (40, 30)), kind)
    assert name(data[:ENOUGH]) == name(data) == WRITTEN[kind, mode]
    with pytest.raises(ImageError) as refused:
        inspect(data, ImageLimits())
    assert refused.value.reason == ImageFault.UNSUPPORTED
    assert refused.value.detail == f"{WRITTEN[kind, mode]}; convert it to PNG or JPEG"


def test_kinds_that_pillow_does_not_write() -> None:
    big_endian = saved(Image.new("RGB", (4, 3)), "TIFF", big_tiff=True)
    codestream = saved(Image.new("RGB", (40, 30)), "JPEG2000", no_jp2=True)
    assert [name(one) for one in (big_endian, codestream, HEIC, JXL)] == ["TIFF", "JPEG 2000", "HEIC", "JPEG XL"]
    assert name(b"MM\0*\0\0\0\x08") == "TIFF"
    assert name(b"P7\nWIDTH 1") == name(b"P6#by gimp\n1 1") == "PNM"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"P", b"P6", b"P1x", b"Pictures", b"BM", b"BMW is a maker of cars", b"II", b"MMORPG", b"<svg/>"),
        *(b"PK\x03\x04", b"\x1f\x8b\x08", b"RIFFxxxxWAVE", b"\0\0\0\x20ftypisom"),
    ],
)
def test_what_is_no_such_picture(data: bytes) -> None:
    assert name(data) is None
    with pytest.raises(ImageError) as refused:
        inspect(data, ImageLimits())
    assert refused.value.reason == ImageFault.NOT_AN_IMAGE
