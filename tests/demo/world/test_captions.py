"""Captions say nothing false."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.captions import NUMBER, by_colour, by_shape, inventory, listing, relation, synthetic, web
from demo.world.scene import COLOURS, SHAPES, Scene, draw

_NAME = re.compile(rf"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")
_PLACED = re.compile(_NAME.pattern + r" (?:in|at) the (top|upper|bottom|lower) (left|right)")
_RELATED = re.compile(rf"the {_NAME.pattern} is (to the left of|to the right of|above|below) the {_NAME.pattern}")
_BY_SHAPE = re.compile(rf"the ({'|'.join(SHAPES)}) is ({'|'.join(COLOURS)}) and on the (left|right)")
_BY_COLOUR = re.compile(rf"the ({'|'.join(COLOURS)}) object is a ({'|'.join(SHAPES)}) on the (left|right)")
_ROWS = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}


def assert_true(text: str, scene: Scene) -> None:
    """Every claim of `text` that can be parsed holds in `scene`."""
    things = {(thing.colour, thing.shape): thing for thing in scene.things}
    for name in _NAME.findall(text):
        assert name in things
    for colour, shape, row, column in _PLACED.findall(text):
        thing = things[colour, shape]
        assert (thing.row, thing.column) == (_ROWS[row], column)
    for colour, shape, how, other_colour, other_shape in _RELATED.findall(text.lower()):
        first, second = things[colour, shape], things[other_colour, other_shape]
        if "left" in how or "right" in how:
            assert (first.column, second.column) == (("left", "right") if "left" in how else ("right", "left"))
        else:
            assert (first.row, second.row) == (("top", "bottom") if how == "above" else ("bottom", "top"))
    for shape, colour in re.findall(rf"the ({'|'.join(SHAPES)}) is ({'|'.join(COLOURS)})\b", text.lower()):
        assert (colour, shape) in things
    for shape, colour, column in _BY_SHAPE.findall(text.lower()):
        assert things[colour, shape].column == column
    for colour, shape, column in _BY_COLOUR.findall(text.lower()):
        assert things[colour, shape].column == column
    for number in re.findall(r"\b(two|three)\b", text.lower()):
        assert number == NUMBER[len(things)]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_synthetic_captions_are_true(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw(rng)
    captions = synthetic(rng, scene)
    assert len(set(captions)) == 5
    for caption in captions:
        assert_true(caption, scene)
    together = " ".join(captions)
    assert all(thing.name in together.lower() for thing in scene.things), "no thing goes unmentioned"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_phrases_are_true(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw(rng)
    assert_true(inventory(rng, scene), scene)
    assert len(_PLACED.findall(inventory(rng, scene))) == len(scene.things)
    for pattern, said in ((_BY_SHAPE, by_shape(scene)), (_BY_COLOUR, by_colour(scene))):
        assert_true(said, scene)
        assert len(pattern.findall(said)) == len(scene.things)
    said = relation(rng, scene)
    assert _RELATED.fullmatch(said)
    assert_true(said, scene)


def test_web_captions_are_varied_and_often_useless() -> None:
    rng = random.Random(0)
    found = [(web(rng, scene := draw(rng)), scene) for _ in range(300)]
    assert len({text for text, _ in found}) > 200
    useless = sum(not any(thing.colour in text for thing in scene.things) for text, scene in found)
    assert 50 < useless < 200


def test_listing() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b"]) == "a and b"
    assert listing(["a", "b", "c"]) == "a, b and c"
