"""Tests that pictures are turned upright as their EXIF orientation says, and lose next to nothing by it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from dataprep.images.inspect import ImageError, ImageLimits, inspect
from dataprep.images.orientation import upright
from tests.helpers.pictures import saved

Picture = Callable[..., bytes]
LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("WEBP", "RGB")])
def test_upright_is_what_a_viewer_shows(picture: Picture, kind: str, mode: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.open(io.BytesIO(picture(5, "PNG", (75, 50)))).convert(mode)
    data = saved(image, kind, exif=exif, **({"subsampling": "4:2:2"} if kind == "JPEG" else {}))
    info = inspect(data, LIMITS)
    assert info.orientation == orientation
    turned, now = upright(data, info)
    if orientation == 1:
        assert turned is data
    assert inspect(turned, LIMITS) == now
    assert now.orientation == 1
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert (now.width, now.height) == shown.size
    difference = np.asarray(shown, float) - np.asarray(Image.open(io.BytesIO(turned)), float)
    assert np.abs(difference).mean() < (0.01 if kind == "PNG" else 5)
    assert upright(data, info)[0] == turned


def test_a_turned_jpeg_keeps_its_quality_in_both_directions(picture: Picture) -> None:
    """Tables that are coarse in one direction: taken over as they are, they would spoil the other one."""
    table = [1 + 12 * (place % 8) for place in range(64)]
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(picture(6, "PNG", (160, 120)))).convert("L")
    data = saved(image, "JPEG", qtables=[table], exif=exif)
    turned, _ = upright(data, inspect(data, LIMITS))
    tables = [Image.open(io.BytesIO(one)).quantization[0] for one in (data, turned)]
    assert tables[0] == table
    assert tables[1] == [1 + 12 * (place // 8) for place in range(64)]
    shown = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))), float)
    assert np.abs(shown - np.asarray(Image.open(io.BytesIO(turned)), float)).mean() < 0.7


def test_what_cannot_be_turned_is_a_reject(picture: Picture) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    data = picture(7, "PNG", exif=exif)
    start, end = len(data) * 3 // 10, len(data) * 6 // 10
    damaged = data[:start] + bytes(end - start) + data[end:]
    with pytest.raises(ImageError) as caught:
        upright(damaged, inspect(damaged, LIMITS))
    assert caught.value.reason == "undecodable"
