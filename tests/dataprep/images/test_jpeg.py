"""A header that is read quickly is the one that Pillow reads; a picture that is accepted quickly, one it accepts."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dataprep.images import jpeg
from dataprep.images.inspect import ImageLimits, inspect
from tests.helpers.pictures import saved

PLAIN: list[dict[str, Any]] = [
    {},
    {"progressive": True},
    {"subsampling": 0},
    {"comment": b"by a camera"},
    {"restart_marker_blocks": 2},
    {"icc_profile": bytes(range(200))},
]


def noise(mode: str = "RGB", size: tuple[int, int] = (37, 21)) -> Image.Image:
    pixels = np.random.default_rng(size[0]).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def by_pillow(data: bytes) -> jpeg.Header:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        assert isinstance(image.fp, io.BytesIO)
        return jpeg.Header(image.mode, *image.size, image.fp.tell())


@pytest.mark.parametrize("options", PLAIN)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_files_are_read_as_pillow_reads_them(mode: str, options: dict[str, Any]) -> None:
    data = saved(noise(mode), "JPEG", **options)
    assert jpeg.header(data) == by_pillow(data)


def test_tables_of_sixteen_bits_are_plain() -> None:
    data = saved(noise("L"), "JPEG", quality=50)
    at = data.index(b"\xff\xdb")
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    wide = b"".join(struct.pack(">H", value) for value in data[at + 5 : at + 2 + length])
    data = data[:at] + b"\xff\xdb" + struct.pack(">H", 131) + b"\x10" + wide + data[at + 2 + length :]
    found = jpeg.header(data)
    assert found == by_pillow(data)
    assert jpeg.is_whole(data, found)


def test_what_is_not_plain_is_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert jpeg.header(saved(noise(), "JPEG", exif=exif)) is None, "its orientation is wanted"
    assert jpeg.header(saved(noise("CMYK"), "JPEG")) is None
    data = saved(noise(), "JPEG")
    assert jpeg.header(data[:2] + b"\xff" + data[2:]) is None, "padding between segments"
    assert jpeg.header(data[: data.index(b"\xff\xda") + 3]) is None, "it ends in its header"


@given(options=st.sampled_from(PLAIN), mode=st.sampled_from(["RGB", "L"]), draw=st.data())
def test_a_damaged_header_is_never_read_differently(options: dict[str, Any], mode: str, draw: st.DataObject) -> None:
    """Cut, changed, repeated, or with pieces put in: either Pillow reads the same, or it is left to Pillow."""
    data = bytearray(saved(noise(mode), "JPEG", **options))
    end = data.index(b"\xff\xda") + 20
    places, pieces = st.integers(2, end), st.one_of(st.binary(max_size=4), st.sampled_from([b"\xff\xc0", b"\xff\xd8"]))
    for _ in range(draw.draw(st.integers(1, 3))):
        first, last = sorted((draw.draw(places), draw.draw(places)))
        match draw.draw(st.sampled_from(["set", "put", "cut", "again"])):
            case "set":
                data[first] = draw.draw(st.integers(0, 255))
            case "put":
                data[first:first] = draw.draw(pieces)
            case "cut":
                del data[first : min(last, first + 30)]
            case _:
                data[first:first] = data[first:last]
    whole = bytes(data)
    if whole.startswith(b"\xff\xd8\xff") and (found := jpeg.header(whole)) is not None:
        assert found == by_pillow(whole)


@pytest.mark.parametrize("options", PLAIN)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_whole_pictures_are_decoded_once(mode: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def again(*_: Any) -> bytes:
        raise AssertionError("Pillow was asked too")

    monkeypatch.setattr(jpeg, "_eighth", again)
    for picture in (noise(mode), Image.new(mode, (9, 70), "#808080")):  # of the grey that decoders fill up with
        data = saved(picture, "JPEG", **options)
        found = jpeg.header(data)
        assert found
        assert jpeg.is_whole(data, found)


@settings(max_examples=300)
@given(
    options=st.sampled_from(PLAIN),
    mode=st.sampled_from(["RGB", "L"]),
    grey=st.booleans(),
    draw=st.data(),
)
def test_what_is_accepted_quickly_is_accepted_by_pillow(
    options: dict[str, Any], mode: str, grey: bool, draw: st.DataObject
) -> None:
    """Pixels that are cut, cut and closed, changed, missing in between, repeated: never the less strict verdict."""
    picture = Image.new(mode, (37, 21), "#808080") if grey else noise(mode)
    data = bytearray(saved(picture, "JPEG", **options))
    first = draw.draw(st.integers(data.index(b"\xff\xda") + 10, len(data) - 2))
    size = draw.draw(st.integers(1, 60))
    match draw.draw(st.sampled_from(["cut", "cut and closed", "set", "gap", "again", "closed twice"])):
        case "cut":
            del data[first:]
        case "cut and closed":
            data[first:] = jpeg.END
        case "set":
            data[first] = draw.draw(st.integers(0, 255))
        case "gap":
            del data[first : first + size]
        case "again":
            data[first:first] = data[first : first + size]
        case _:
            data[first:first] = jpeg.END
    damaged = bytes(data)
    found = jpeg.header(damaged)
    if found is None or jpeg.END not in damaged[found.scan :]:
        return  # others judge it

    def verdict(judge: Callable[[bytes, jpeg.Header], bool]) -> bool | str:
        try:
            return judge(damaged, found)
        except Exception as error:
            return re.sub("0x[0-9a-f]+", "", repr(error))

    assert verdict(jpeg.is_whole) == verdict(lambda data, found: jpeg._has_last_pixels(data, found, jpeg._eighth))


@given(st.integers(1, 65_535), st.integers(1, 65_535))
def test_the_announced_size_is_judged_before_any_pixel(width: int, height: int) -> None:
    data = bytearray(saved(noise("L"), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    found = jpeg.header(bytes(data))
    assert (found is None) == (width * height > (Image.MAX_IMAGE_PIXELS or 0))
    if width * height > 1_000_000:
        with pytest.raises(Exception, match=f"{width} x {height}|exceeds limit"):
            inspect(bytes(data), ImageLimits(max_pixels=1_000_000), decode=True)
