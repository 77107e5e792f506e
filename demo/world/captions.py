"""Captions of scenes: one as found on the web, five as a captioning model would write them.

The synthetic ones are true of the picture, each in its own way: what there is, where it is, how the things lie to each
other. The web caption is what DataComp's `text` column is like: a file name, a shop's title, a hint at the content.
"""

from __future__ import annotations

import random
from itertools import permutations

from demo.world.scene import Scene, Thing

NUMBER = {2: "two", 3: "three"}
_ROW_WORDS = {"top": ("top", "upper"), "bottom": ("bottom", "lower")}


def place(rng: random.Random, thing: Thing) -> str:
    """Say where `thing` is: `in the upper left`."""
    word = rng.choice(_ROW_WORDS[thing.row])
    return rng.choice(("in the {} {}", "at the {} {}", "in the {} {} corner")).format(word, thing.column)


def listing(names: list[str]) -> str:
    """Join with commas and an `and`: `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def inventory(rng: random.Random, scene: Scene) -> str:
    """All of `scene` in one phrase: `a red circle in the upper left and a black cross at the lower right`."""
    return listing([f"a {thing.name} {place(rng, thing)}" for thing in scene.things])


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
    """Five true captions of `scene` in different words."""
    things = rng.sample(scene.things, len(scene.things))
    named = [f"a {thing.name}" for thing in things]
    placed = [f"a {thing.name} {place(rng, thing)}" for thing in things]
    number = NUMBER[len(things)]
    thing = things[0]
    captions = [
        rng.choice(("{} on a light background", "A picture of {}", "An image with {}", "{}", "There is {}")).format(
            listing(named)
        ),
        rng.choice(("{}", "The picture shows {}", "There is {}", "We see {}")).format(listing(placed)),
        rng.choice(("{} shapes: {}", "{} objects, {}", "{} things can be seen, {}")).format(number, listing(named)),
        rng.choice(("In this picture {}", "In the image {}", "{}")).format(relation(rng, scene)),
        rng.choice(
            (
                f"the {thing.shape} is {thing.colour} and lies on the {thing.column}",
                f"the {thing.colour} object is a {thing.shape}, it is on the {thing.column} side",
                f"on the {thing.column} there is a {thing.name}; there are {number} objects in all",
                f"the colour of the {thing.shape} is {thing.colour}, and the picture holds {number} objects",
            )
        ),
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
