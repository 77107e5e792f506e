"""Captions say nothing false."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.captions import by_colour, by_shape, inventory, listing, present, relation, synthetic, web
from demo.world.scene import COLOURS, SHAPES, draw
from tests.helpers.true_captions import BY_COLOUR, BY_SHAPE, PLACED, PRESENT, RELATED, assert_true


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
    assert len(PLACED.findall(inventory(rng, scene))) == len(scene.things)
    for pattern, said in ((BY_SHAPE, by_shape(scene)), (BY_COLOUR, by_colour(scene))):
        assert_true(said, scene)
        assert len(pattern.findall(said)) == len(scene.things)
    said = present(SHAPES + COLOURS, scene)
    assert_true(said, scene)
    assert tuple(word for word, _ in PRESENT.findall(said)) == SHAPES + COLOURS
    said = relation(rng, scene)
    assert RELATED.fullmatch(said)
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
