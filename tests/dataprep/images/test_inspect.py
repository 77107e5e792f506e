from __future__ import annotations

import contextlib
import resource
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataprep.images.inspect import ImageError, ImageInfo, ImageLimits, inspect, sniff
from schemas.manifest import MAX_PIXELS
from tests.helpers.pictures import huge_png, saved

Picture = Callable[..., bytes]
LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000)


def refusal(data: bytes, limits: ImageLimits = LIMITS) -> str:
    with pytest.raises(ImageError) as caught:
        inspect(data, limits, decode=True)
    return caught.value.reason


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")])
def test_good_images_of_every_kind_pass_with_their_size(picture: Picture, kind: str, name: str) -> None:
    data = picture(1, kind, (80, 60))
    assert inspect(data, LIMITS, decode=True) == ImageInfo(name, 80, 60, 1)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><body>404</body></html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x1f\x8b\x08" + bytes(99)],
    ids=["empty", "html", "svg", "gzip"],
)
def test_what_is_no_image_is_told_from_a_broken_one(data: bytes) -> None:
    assert refusal(data) == "not_an_image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_truncation_is_noticed(picture: Picture, kind: str) -> None:
    data = picture(2, kind, (300, 200))
    for keep in (0.3, 0.6, 0.9):
        assert refusal(data[: int(len(data) * keep)]) in ("image_truncated", "undecodable")


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_that_was_cut_and_closed_again_is_noticed(mode: str, options: dict[str, Any]) -> None:
    """Decoders fill what is missing with grey and say nothing; a whole picture that ends in grey must pass."""
    noise = np.random.default_rng(3).integers(0, 256, (201, 299, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise).convert(mode), "JPEG", **options)
    scan = data.index(b"\xff\xda")
    inspect(data, LIMITS, decode=True)
    first = data.index(b"\xff\xc4", scan) - scan if options.get("progressive") else len(data) - scan
    for keep in (0.02, 0.3, 0.7, 0.9):
        assert refusal(data[: scan + 16 + int((first - 16) * keep)] + b"\xff\xd9") == "image_truncated"
    noise[100:] = 128
    grey = saved(Image.fromarray(noise).convert(mode), "JPEG", **options)
    assert inspect(grey, LIMITS, decode=True).height == 201


def test_the_end_of_an_embedded_thumbnail_is_not_the_pictures(picture: Picture) -> None:
    thumbnail, data = picture(5, size=(40, 30)), picture(6, size=(41, 31))
    segment = b"\xff\xe5" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = data[:2] + segment + data[2:]
    assert inspect(whole, LIMITS, decode=True).width == 41
    assert refusal(whole[:-2]) == "image_truncated"


def test_a_huge_png_is_refused_by_its_header_without_its_pixels() -> None:
    data = huge_png(20_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(data) == "too_many_pixels"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kilobytes; the pixels take 400 MB


def test_limits_on_bytes_sides_and_aspect(picture: Picture) -> None:
    data = picture(3, size=(400, 20))
    assert refusal(data, ImageLimits(max_bytes=100)) == "image_too_large"
    assert refusal(data, ImageLimits(min_side=21)) == "image_too_small"
    assert refusal(data, ImageLimits(max_aspect=19.0)) == "aspect_ratio"
    assert inspect(data, ImageLimits(min_side=20, max_aspect=20.0)).width == 400


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_are_refused(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    assert refusal(saved(frames[0], kind, save_all=True, append_images=frames[1:])) == "animated"


def test_exif_orientation_is_read(picture: Picture) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert inspect(saved(Image.new("RGB", (40, 30)), "JPEG", exif=exif), LIMITS).orientation == 6


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_unusual_but_valid_jpegs_pass(mode: str) -> None:
    data = saved(Image.new(mode, (40, 30)), "JPEG")
    inspect(data, LIMITS, decode=True)


def test_a_16_bit_png_passes() -> None:
    data = saved(Image.new("I;16", (40, 30)), "PNG")
    inspect(data, LIMITS, decode=True)


@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]), st.data())
def test_damage_anywhere_is_refused_or_harmless_but_never_crashes(
    picture: Picture, kind: str, draw: st.DataObject
) -> None:
    data = bytearray(picture(4, kind, (32, 32)))
    for _ in range(draw.draw(st.integers(1, 8))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ImageError):
        inspect(bytes(data), LIMITS, decode=True)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_details_are_equal_for_equal_bytes(picture: Picture, kind: str) -> None:
    """Rejects are published: a memory address in a decoder's message would make each run's bytes its own."""
    data = picture(2, kind)
    for keep in (12, 40, 200, len(data) // 2):
        for damaged in (data[:keep], data[:keep] + bytes(len(data))):
            details = []
            for _ in range(2):
                try:
                    inspect(damaged, LIMITS, decode=True)
                except ImageError as error:
                    details.append((error.reason, error.detail))
            assert len(set(details)) <= 1
            assert "0x" not in str(details)


@given(st.binary(max_size=64))
def test_sniffing_takes_any_bytes(data: bytes) -> None:
    assert sniff(data) in (None, "jpg", "png", "webp", "gif")


def test_no_limit_lets_pictures_pass_that_the_trainer_refuses() -> None:
    assert ImageLimits(max_pixels=MAX_PIXELS).max_pixels == 64_000_000
    with pytest.raises(ValueError, match="max_pixels"):
        ImageLimits(max_pixels=MAX_PIXELS + 1)
