"""Questions on a scene: five kinds with short answers, and the wordings that training and held-out sets share.

Each function lists all questions of one kind that can be put about given things; which of them is asked is the
business of `asking.py`. What a question asks about stands at its end, at one distance from the answer in all kinds: a
small model learns to look there much sooner than to find it wherever it is. A "no" question on a colour and a shape
keeps one of the two from something that is there, so a model that sees colours and shapes, but not which belong
together, cannot tell it from a "yes" question.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Set
from dataclasses import dataclass

from demo.world.scene import COLOURS, COLUMNS, SHAPES, Scene, Thing

WORDINGS = {
    "colour": ("What colour is the {}?", "Which colour is the {}?", "What is the colour of the {}?"),
    "shape": ("What shape is {}?", "Which shape is {}?"),
    "existence": ("Is there a {}?", "Can you see a {}?"),
    "side": ("On which side is the {}?", "Which side has the {}?"),
    "count": ("How many objects are there?", "How many shapes can you see?"),
}
CHOICES = {
    "colour": COLOURS,
    "shape": SHAPES,
    "existence": ("yes", "no"),
    "side": COLUMNS,
    "count": ("2", "3"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question on one scene, with its one right answer."""

    kind: str
    wording: str
    text: str
    answer: str
    words: frozenset[str] = frozenset()
    """Colours and shapes that the question and its answer name."""

    @property
    def choices(self) -> tuple[str, ...]:
        """All answers that this kind of question has."""
        return CHOICES[self.kind]


def on_colour(things: list[Thing]) -> Iterator[Question]:
    """What colour has this shape?"""
    for wording in WORDINGS["colour"]:
        for thing in things:
            words = frozenset((thing.shape, thing.colour))
            yield Question("colour", wording, wording.format(thing.shape), thing.colour, words)


def on_shape(things: list[Thing]) -> Iterator[Question]:
    """What shape has the thing of this colour?"""
    for wording in WORDINGS["shape"]:
        for thing in things:
            words = frozenset((thing.shape, thing.colour))
            yield Question("shape", wording, wording.format(thing.colour), thing.shape, words)


def on_side(things: list[Thing]) -> Iterator[Question]:
    """Is this shape on the left or on the right?"""
    for wording in WORDINGS["side"]:
        for thing in things:
            yield Question("side", wording, wording.format(thing.shape), thing.column, frozenset((thing.shape,)))


def on_count(scene: Scene) -> Iterator[Question]:
    """How many objects does `scene` have?"""
    for wording in WORDINGS["count"]:
        yield Question("count", wording, wording, str(len(scene.things)))


def on_existence(
    rng: random.Random, scene: Scene, things: list[Thing], avoided: Set[str] = frozenset()
) -> Iterator[Question]:
    """Is there such a thing? A "yes" and a "no" in each form about each of `things`; no "no" names one of `avoided`.

    The forms name a colour and a shape, a shape alone, or a colour alone.
    """
    shapes, colours = {one.shape for one in scene.things}, {one.colour for one in scene.things}
    for wording in WORDINGS["existence"]:
        for thing in things:
            named: list[tuple[tuple[str | None, str | None], str]] = [
                ((thing.colour, thing.shape), "yes"),
                (_absent(rng, scene, thing, avoided), "no"),
                ((None, thing.shape), "yes"),
                *(((None, shape), "no") for shape in _lacking(rng, SHAPES, shapes | avoided)),
                ((thing.colour, None), "yes"),
                *(((colour, None), "no") for colour in _lacking(rng, COLOURS, colours | avoided)),
            ]
            for (colour, shape), answer in named:
                words = frozenset(word for word in (colour, shape) if word is not None)
                yield Question("existence", wording, wording.format(called(colour, shape)), answer, words)


def called(colour: str | None, shape: str | None) -> str:
    """Name a thing by colour, shape or both: `red circle`, `circle`, `red object`."""
    return " ".join((*([colour] if colour else []), shape or "object"))


def _lacking(rng: random.Random, names: tuple[str, ...], taken: Set[str]) -> list[str]:
    """One of `names` that is not taken, if there is any."""
    free = [name for name in names if name not in taken]
    return [rng.choice(free)] if free else []


def _absent(rng: random.Random, scene: Scene, thing: Thing, avoided: Set[str]) -> tuple[str, str]:
    """A (colour, shape) that is not in `scene`: one of the two is `thing`'s, the other often another thing's."""
    others = [other for other in scene.things if other is not thing and not {other.shape, other.colour} & avoided]
    colours = [colour for colour in COLOURS if colour != thing.colour and colour not in avoided]
    shapes = [shape for shape in SHAPES if shape != thing.shape and shape not in avoided]
    if others and rng.random() < 0.5:
        other = rng.choice(others)
        colours, shapes = [other.colour], [other.shape]
    if rng.random() < 0.5:
        return thing.colour, rng.choice(shapes)
    return rng.choice(colours), thing.shape
