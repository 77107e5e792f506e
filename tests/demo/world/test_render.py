"""Pictures show what the scene says, clearly enough for a small model."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from demo.world.render import PALETTE, SIDE, encode, render
from demo.world.scene import COLOURS, Scene, Thing, draw

_AREA = {"circle": np.pi / 4, "square": 1.0, "triangle": 0.5, "cross": 5 / 9}
"""Share of its bounding box that a shape covers."""


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_every_thing_is_where_it_should_be_in_its_colour_and_shape(seed: int) -> None:
    scene = draw(random.Random(seed))
    pixels = np.asarray(render(scene)).astype(int)
    assert pixels.shape == (SIDE, SIDE, 3)
    covered = 0
    for thing in scene.things:
        x = slice(0, SIDE // 2) if thing.column == "left" else slice(SIDE // 2, SIDE)
        y = slice(0, SIDE // 2) if thing.row == "top" else slice(SIDE // 2, SIDE)
        near = np.abs(pixels[y, x] - PALETTE[thing.colour]).sum(axis=-1) < 30
        covered += int(near.sum())
        assert near.sum() / thing.size**2 == pytest.approx(_AREA[thing.shape], rel=0.1)
    background = np.abs(pixels - scene.background).sum(axis=-1) < 6
    assert covered + background.sum() > 0.9 * SIDE**2, "antialiased edges are thin"


def test_colours_are_far_apart() -> None:
    assert set(PALETTE) == set(COLOURS)
    for first in COLOURS:
        for second in COLOURS:
            if first != second:
                assert np.abs(np.subtract(PALETTE[first], PALETTE[second])).max() > 80


@pytest.mark.parametrize(("kind", "magic"), [("JPEG", b"\xff\xd8\xff"), ("PNG", b"\x89PNG"), ("GIF", b"GIF8")])
def test_encodings(kind: str, magic: bytes) -> None:
    content = encode(render(draw(random.Random(0))), kind)
    assert content.startswith(magic)
    assert Image.open(io.BytesIO(content)).size == (SIDE, SIDE)


def test_an_unknown_shape_is_a_bug() -> None:
    thing = Thing("star", "red", "left", "top", 40, (0, 0))
    with pytest.raises(AssertionError, match="star"):
        render(Scene((thing,), (255, 255, 255)))
