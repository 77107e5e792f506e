"""Small stories in which somebody loses, finds, paints and sorts coloured shapes. One state runs through a story:
what somebody holds stays the same shape and colour until the text says otherwise."""

from __future__ import annotations

import random
from collections.abc import Iterator

from demo.world.scene import COLOURS, SHAPES

_NAMES = ("Ada", "Ben", "Chidi", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena", "Mira")
_PLACES = ("the attic", "the school yard", "a small shop", "the kitchen", "the old library", "a garden", "the harbour")
_WEATHER = ("It rained all morning.", "The sun was low.", "Snow lay on the roofs.", "It was a windy day.")
_MATERIALS = ("paper", "wood", "felt", "tin", "glass", "clay")


def story(rng: random.Random) -> Iterator[str]:
    """An endless story, event by event; events have at most 45 words."""
    hero, friend = rng.sample(_NAMES, 2)
    place, material = rng.choice(_PLACES), rng.choice(_MATERIALS)
    colour, shape = rng.choice(COLOURS), rng.choice(SHAPES)
    yield f"{rng.choice(_WEATHER)} {hero} went to {place} to look for a {colour} {shape} made of {material}."
    while True:
        other = rng.choice([name for name in COLOURS if name != colour])
        different = rng.choice([name for name in SHAPES if name != shape])
        event = rng.randrange(7)
        if event == 0:
            yield (
                f"On the left {hero} saw a {other} {different}, but that was not it. On the right lay the {shape},"
                f" and it was {colour} indeed."
            )
        elif event == 1:
            yield f'"Is it the {other} one?" asked {friend}. "No," said {hero}, "mine is {colour}."'
        elif event == 2:
            yield f"{friend} painted the {shape} {other}. Now it was a {other} {shape}, no longer a {colour} one."
            colour = other
        elif event == 3:
            yield (
                f"They put the {colour} {shape} above a {other} {different} and stepped back. From top to bottom there"
                f" was a {shape}, then a {different}."
            )
        elif event == 4:
            yield (
                f"{hero} gave the {colour} {shape} away and got a {other} {different} for it. {friend} laughed:"
                f' "A {different} is worth more than a {shape}!"'
            )
            colour, shape = other, different
        elif event == 5:
            place = rng.choice([name for name in _PLACES if name != place])
            yield f"Later they carried the {shape} to {place}. {rng.choice(_WEATHER)}"
        else:
            yield (
                f"How many things did {hero} have? There was the {colour} {shape}, and there was a small {other}"
                f" {different}, so there were 2."
            )
