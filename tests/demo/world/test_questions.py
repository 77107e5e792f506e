"""Questions have the right answers."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.questions import CHOICES, WORDINGS, on_colour, on_count, on_existence, on_shape, on_side
from demo.world.scene import COLOURS, SHAPES, draw


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_answers_are_right(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw(rng)
    things = list(scene.things)
    by_shape = {thing.shape: thing for thing in things}
    by_colour = {thing.colour: thing for thing in things}
    for question in on_colour(things):
        (shape,) = {word for word in SHAPES if word in question.text}
        assert question.answer == by_shape[shape].colour
    for question in on_shape(things):
        (colour,) = {word for word in COLOURS if word in re.findall(r"\w+", question.text)}
        assert question.answer == by_colour[colour].shape
    for question in on_side(things):
        (shape,) = {word for word in SHAPES if word in question.text}
        assert question.answer == by_shape[shape].column
    for question in on_count(scene):
        assert question.answer == str(len(things))
    names = {name for thing in things for name in (thing.name, f"a {thing.shape}", f"{thing.colour} object")}
    for question in on_existence(rng, scene, things):
        assert question.answer == ("yes" if any(question.text.endswith(f" {name}?") for name in names) else "no")
        if len(question.words) == 2:
            assert question.words & {word for thing in things for word in (thing.shape, thing.colour)}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_absent_things_keep_clear_of_words_to_avoid(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw(rng)
    first, second = scene.things[:2]
    avoided = {second.shape, second.colour}
    for question in on_existence(rng, scene, [first], avoided):
        assert not question.words & avoided
        assert question.words & {first.shape, first.colour} or len(question.words) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_asked_about_stands_last(seed: int) -> None:
    """At one distance from the answer in all kinds: a small model finds it there long before it finds it anywhere."""
    rng = random.Random(seed)
    scene = draw(rng)
    things = list(scene.things)
    for question in [*on_colour(things), *on_shape(things), *on_side(things), *on_existence(rng, scene, things)]:
        assert question.text.removesuffix("?").split()[-1] in (*SHAPES, *COLOURS, "object")


def test_every_kind_has_two_or_three_wordings_and_its_choices() -> None:
    assert WORDINGS.keys() == CHOICES.keys()
    assert all(2 <= len(wordings) <= 3 for wordings in WORDINGS.values())
    scene = draw(random.Random(0))
    for question in [*on_colour(list(scene.things)), *on_count(scene)]:
        assert question.answer in question.choices == CHOICES[question.kind]
