"""Facts on shapes and colours, true of any picture: corners, sides, symmetry, where the colours come from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations

from demo.world.captions import listing
from demo.world.scene import COLOURS, SHAPES

_CORNERS = {"circle": 0, "square": 4, "triangle": 3, "cross": 12}
_WORDS = {0: "no", 3: "three", 4: "four", 12: "twelve"}

_SENTENCES = (
    "A circle is round: every point of its edge is equally far from its middle.",
    "A circle can be turned by any angle and looks the same.",
    "A square has four equal sides, and each of its corners is a right angle.",
    "Turn a square by a quarter turn and nobody will notice.",
    "A triangle has three sides; the angles inside add up to half a turn.",
    "A triangle stands firmly on its base, which is why roofs and bridges are built of it.",
    "A cross is made of two bars that meet in the middle.",
    "The outline of a thick cross has twelve corners, four of which point inward.",
    "Cut a square from corner to corner and you get two triangles.",
    "Four small squares make one large square.",
    "A wheel is a circle, a chessboard is a square, a slice of pizza is nearly a triangle.",
    "A plus sign is a cross; a full stop is a very small circle.",
    "Red, yellow and blue are the first three colours of many paint boxes.",
    "Blue and yellow paint make green, and blue and red paint make purple.",
    "Black paint takes in nearly all light, so a black shape stands out on a light background.",
    "Grass is green, the sky is blue, and ripe lemons are yellow.",
    "Tomatoes are red, plums are purple, and coal is black.",
    "A yellow circle may be the sun, and a red cross may mark a hospital.",
    "Left is where a line of English begins, and right is where it ends.",
    "The top of a page is read first, the bottom last.",
    "If one thing is above another, the other is below it.",
    "If the square is to the left of the circle, the circle is to the right of the square.",
    "To count things, point at each of them once and say the next number.",
    "Two things and one more thing are three things.",
)


def facts(rng: random.Random) -> Iterator[str]:
    """All facts in random order, each once: well over 400 words."""
    everything = [*_SENTENCES]
    for shape, corners in _CORNERS.items():
        everything.append(f"How many corners has a {shape}? It has {_WORDS[corners]} corners.")
    for first, second in combinations(SHAPES, 2):
        total = _CORNERS[first] + _CORNERS[second]
        everything.append(f"A {first} and a {second} have {total} corners together.")
    everything.append(f"The colours used here are {listing(rng.sample(COLOURS, len(COLOURS)))}.")
    everything.append(f"The shapes used here are the {listing(rng.sample(SHAPES, len(SHAPES)))}.")
    colour, shape = rng.choice(COLOURS), rng.choice(SHAPES)
    everything.append(f"A {colour} {shape} is a {shape}, and its colour is {colour}.")
    rng.shuffle(everything)
    yield from everything
