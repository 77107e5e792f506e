"""Scenes: unique attributes, no overlap, held-out layouts left alone."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from demo.world.scene import COLOURS, COLUMNS, LAYOUTS, ROWS, SHAPES, draw, stream


@given(st.integers(0, 2**32))
def test_attributes_are_unique_within_a_scene(seed: int) -> None:
    things = draw(random.Random(seed)).things
    assert len(things) in (2, 3)
    for attribute in ("shape", "colour"):
        assert len({getattr(thing, attribute) for thing in things}) == len(things)
    assert len({(thing.column, thing.row) for thing in things}) == len(things)
    for thing in things:
        assert 36 <= thing.size <= 44
        assert all(abs(shift) + thing.size / 2 < 24 for shift in thing.shift), "leaves its quarter"


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_excluded_layouts_are_never_drawn(seed: int, other: int) -> None:
    unseen = draw(random.Random(seed))
    assert draw(random.Random(seed), {unseen.layout}).layout != unseen.layout
    assert draw(random.Random(other), {unseen.layout}).layout != unseen.layout


def test_attributes_are_independent_of_one_another() -> None:
    scenes = [draw(stream(1, index)) for index in range(6000)]
    pairs = Counter((thing.shape, thing.colour) for scene in scenes for thing in scene.things)
    expected = pairs.total() / (len(SHAPES) * len(COLOURS))
    assert all(abs(count / expected - 1) < 0.2 for count in pairs.values())
    assert abs(sum(len(scene.things) == 3 for scene in scenes) / len(scenes) - 0.5) < 0.03


def test_number_of_layouts() -> None:
    quarters = len(COLUMNS) * len(ROWS)
    count = sum(
        len(list(combinations(SHAPES, n)))
        * len(list(permutations(COLOURS, n)))
        * len(list(permutations(range(quarters), n)))
        for n in (2, 3)
    )
    assert count == LAYOUTS


def test_streams_are_independent_and_repeatable() -> None:
    assert stream(7, "pair", 3).random() == stream(7, "pair", 3).random()
    assert len({stream(7, label, index).random() for label in "ab" for index in range(100)}) == 200
