"""Captions of scenes: one as found on the web, five as a captioning model would write them.

The synthetic ones are true of the picture, each in its own way: what there is, where it is, what is not there. The web
caption is what DataComp's `text` column is like: a file name, a shop's title, a hint at the content.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations

from demo.world.scene import COLOURS, COLUMNS, ROWS, SHAPES, Scene, Thing

NUMBER = {2: "two", 3: "three"}
_PLACES = (
    {"top": "in the upper {}", "bottom": "in the lower {}"},
    {"top": "at the top {}", "bottom": "at the bottom {}"},
    {"top": "in the top {} corner", "bottom": "in the bottom {} corner"},
)
"""Ways to say where something is. A text keeps to one of them."""


def reading_order(scene: Scene) -> list[Thing]:
    """The things of `scene` from top to bottom, from left to right: an order that the picture gives away."""
    return sorted(scene.things, key=lambda thing: (ROWS.index(thing.row), COLUMNS.index(thing.column)))


def placed(rng: random.Random | None, things: list[Thing], name: Callable[[Thing], str]) -> str:
    """All of `things` in one phrase, each as `name` says and with its place: `in the upper left`, or as `rng` draws."""
    places = rng.choice(_PLACES) if rng is not None else _PLACES[0]
    return listing([f"{name(thing)} {places[thing.row].format(thing.column)}" for thing in things])


def listing(names: list[str]) -> str:
    """Join with commas and an `and`: `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def inventory(rng: random.Random | None, scene: Scene) -> str:
    """All of `scene` in one phrase: `a red circle in the upper left and a black cross in the lower right`."""
    return placed(rng, reading_order(scene), lambda thing: f"a {thing.name}")


def by_shape(scene: Scene) -> str:
    """What each shape is like, in the order of `SHAPES`: `the circle is red and on the left, the cross ...`."""
    things = sorted(scene.things, key=lambda thing: SHAPES.index(thing.shape))
    return ", ".join(f"the {one.shape} is {one.colour} and on the {one.column}" for one in things)


def by_colour(scene: Scene) -> str:
    """What each colour belongs to, in the order of `COLOURS`: `the red object is a circle on the left, ...`."""
    things = sorted(scene.things, key=lambda thing: COLOURS.index(thing.colour))
    return ", ".join(f"the {one.colour} object is a {one.shape} on the {one.column}" for one in things)


def present(words: tuple[str, ...], scene: Scene) -> str:
    """Which of `words`, colours or shapes, `scene` has: `circle no, square yes, triangle yes, cross no`."""
    there = {word for thing in scene.things for word in (thing.shape, thing.colour)}
    return ", ".join(f"{word} {'yes' if word in there else 'no'}" for word in words)


def relation(rng: random.Random, scene: Scene) -> str:
    """One true statement on how two things lie to each other, without a full stop."""
    pairs = list(permutations(scene.things, 2))
    first, second = rng.choice(pairs)
    options = []
    if first.column != second.column:
        options.append("to the left of" if first.column == "left" else "to the right of")
    if first.row != second.row:
        options.append("above" if first.row == "top" else "below")
    return f"the {first.name} is {rng.choice(options)} the {second.name}"


def synthetic(rng: random.Random, scene: Scene) -> list[str]:
    """Five true captions of `scene` in different words.

    All but the last say where everything is, and one of them leaves out colours: which picture belongs to a caption
    then depends on places and shapes too, and a tower that is taught by comparing them has to keep these as clearly as
    colours. Two go through the picture by shape and by colour, which is how questions go about it, and the last lists
    what is there and what is not.
    """
    captions = [
        rng.choice(("{}", "the picture shows {}", "we see {}")).format(inventory(rng, scene)),
        by_shape(scene),
        by_colour(scene),
        placed(rng, reading_order(scene), lambda one: f"a {one.shape}"),
        present(SHAPES + COLOURS, scene),
    ]
    return [caption[0].upper() + caption[1:] + "." for caption in rng.sample(captions, 5)]


def web(rng: random.Random, scene: Scene) -> str:
    """One noisy caption: seldom complete, sometimes beside the point."""
    thing = rng.choice(scene.things)
    number = rng.randint(1, 9999)
    names = listing([thing.name for thing in scene.things])
    return rng.choice(
        (
            f"IMG_{number:04d}.JPG",
            f"{thing.name} clip art - free download #{number}",
            f"{thing.colour.title()} {thing.shape.title()} Poster | ShapeShop",
            f"{names} (stock picture {number})",
            f"Flashcards for kids: {names}",
            f"  {thing.shape}s   &amp; more &gt;&gt; page {number % 90}",
            f"Shapes, {number % 50} pieces – café décor ✨",
            f"photo of {names}",
            f"{thing.name}, wall art, printable",
            "Untitled",
        )
    )
