"""Scenes: two or three coloured shapes, each in its own quarter of the picture.

Shapes and colours are unique within a scene, so "the circle" and "the red object" name one thing each and every
question has one right answer. Attributes are drawn uniformly and independently otherwise: what a question mentions
says nothing about its answer. Held-out scenes are kept out of everything else by their layout (`Scene.layout`),
which ignores size, jitter and background: an unseen picture is an unseen combination, not a shifted copy.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "cross")
COLOURS = ("red", "green", "blue", "yellow", "purple", "black")
COLUMNS = ("left", "right")
ROWS = ("top", "bottom")
LAYOUTS = 13_680
"""Distinct layouts: 2,160 of two objects and 11,520 of three."""

Layout = frozenset[tuple[str, str, str, str]]


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a scene."""

    shape: str
    colour: str
    column: str
    row: str
    size: int
    """Width and height, in pixels of a 96-pixel picture."""
    shift: tuple[int, int]
    """Offset (x, y) of its centre from the centre of its quarter, in pixels."""

    @property
    def name(self) -> str:
        """Colour and shape: `red circle`."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture's content."""

    things: tuple[Thing, ...]
    background: tuple[int, int, int]

    @property
    def layout(self) -> Layout:
        """What is where, regardless of order, size, jitter and background."""
        return frozenset((thing.shape, thing.colour, thing.column, thing.row) for thing in self.things)


def stream(seed: int, *labels: object) -> random.Random:
    """An independent random stream for one item, so that no item depends on how many others there are."""
    return random.Random("/".join(map(str, (seed, *labels))))


def draw(rng: random.Random, excluded: Collection[Layout] = ()) -> Scene:
    """Draw a scene whose layout is not in `excluded`.

    `excluded` must be well below `LAYOUTS` in number; the options see to that.
    """
    while True:
        scene = _draw(rng)
        if scene.layout not in excluded:
            return scene


def _draw(rng: random.Random) -> Scene:
    count = rng.choice((2, 3))
    quarters = rng.sample([(column, row) for column in COLUMNS for row in ROWS], count)
    things = []
    for shape, colour, (column, row) in zip(
        rng.sample(SHAPES, count), rng.sample(COLOURS, count), quarters, strict=True
    ):
        size = rng.randint(36, 44)
        slack = (46 - size) // 2  # a quarter is 48 pixels wide: things never touch
        shift = (rng.randint(-slack, slack), rng.randint(-slack, slack))
        things.append(Thing(shape, colour, column, row, size, shift))
    level = rng.randint(232, 250)
    red, green, blue = (min(255, level + rng.randint(-6, 6)) for _ in range(3))
    return Scene(tuple(things), (red, green, blue))
