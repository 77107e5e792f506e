"""Holds what a caption claims of a scene against the scene."""

from __future__ import annotations

import re

from demo.world.captions import NUMBER
from demo.world.scene import COLOURS, SHAPES, Scene

NAME = re.compile(rf"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})")
PLACED = re.compile(NAME.pattern + r" (?:in|at) the (top|upper|bottom|lower) (left|right)")
RELATED = re.compile(rf"the {NAME.pattern} is (to the left of|to the right of|above|below) the {NAME.pattern}")
BY_SHAPE = re.compile(rf"the ({'|'.join(SHAPES)}) is ({'|'.join(COLOURS)}) and on the (left|right)")
BY_COLOUR = re.compile(rf"the ({'|'.join(COLOURS)}) object is a ({'|'.join(SHAPES)}) on the (left|right)")
PRESENT = re.compile(rf"\b({'|'.join(SHAPES + COLOURS)}) (yes|no)\b")
_ROWS = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}


def assert_true(text: str, scene: Scene) -> None:
    """Every claim of `text` that can be parsed holds in `scene`."""
    things = {(thing.colour, thing.shape): thing for thing in scene.things}
    for name in NAME.findall(text):
        assert name in things
    for colour, shape, row, column in PLACED.findall(text):
        thing = things[colour, shape]
        assert (thing.row, thing.column) == (_ROWS[row], column)
    for colour, shape, how, other_colour, other_shape in RELATED.findall(text.lower()):
        first, second = things[colour, shape], things[other_colour, other_shape]
        if "left" in how or "right" in how:
            assert (first.column, second.column) == (("left", "right") if "left" in how else ("right", "left"))
        else:
            assert (first.row, second.row) == (("top", "bottom") if how == "above" else ("bottom", "top"))
    for shape, colour in re.findall(rf"the ({'|'.join(SHAPES)}) is ({'|'.join(COLOURS)})\b", text.lower()):
        assert (colour, shape) in things
    for shape, colour, column in BY_SHAPE.findall(text.lower()):
        assert things[colour, shape].column == column
    for colour, shape, column in BY_COLOUR.findall(text.lower()):
        assert things[colour, shape].column == column
    for word, said in PRESENT.findall(text.lower()):
        assert (said == "yes") == any(word in (thing.shape, thing.colour) for thing in scene.things)
    for number in re.findall(r"\b(two|three)\b", text.lower()):
        assert number == NUMBER[len(things)]
