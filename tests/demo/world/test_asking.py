"""A model that reads the questions but sees no picture stays at chance."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.asking import MOST_ROUNDS, WEIGHTS, Asker
from demo.world.questions import WORDINGS, Question
from demo.world.scene import COLOURS, SHAPES, Scene, draw, stream

_ATTRIBUTES = ("colour", "shape", "existence")


@pytest.fixture(scope="module")
def conversations() -> list[tuple[Scene, list[Question]]]:
    asker = Asker()
    found = []
    for index in range(4000):
        rng = stream(3, index)
        scene = draw(rng)
        found.append((scene, asker.conversation(rng, scene, rng.choices((1, 2, 3, 4), (5, 20, 55, 20))[0])))
    return found


def test_kinds_keep_their_weights(conversations: list[tuple[Scene, list[Question]]]) -> None:
    kinds = Counter(question.kind for _, asked in conversations for question in asked)
    for kind, weight in WEIGHTS.items():
        assert kinds[kind] / kinds.total() == pytest.approx(weight, abs=0.01)


def test_answers_are_level_for_each_kind_wording_and_text(
    conversations: list[tuple[Scene, list[Question]]],
) -> None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, asked in conversations:
        for question in asked:
            for key in (question.kind, question.wording, question.text):
                answers[key].update(dict.fromkeys(question.choices, 0))
                answers[key][question.answer] += 1
    assert answers.keys() >= {*WEIGHTS, *(wording for wordings in WORDINGS.values() for wording in wordings)}
    for key, counts in answers.items():
        mean = counts.total() / len(counts)
        assert max(counts.values()) - mean <= max(0.05 * mean, 4), (key, counts)


def test_a_predictor_from_text_alone_gets_no_further_than_chance(
    conversations: list[tuple[Scene, list[Question]]],
) -> None:
    """The most frequent answer to each text, learnt on one half, tried on questions that another `Asker` asked."""
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, asked in conversations:
        for question in asked:
            seen[question.text][question.answer] += 1
    asker = Asker()
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for index in range(1000):
        rng = stream(4, index)
        for question in asker.separate(rng, draw(rng), 4):
            guess = seen[question.text].most_common(1)
            right[question.kind].append(bool(guess) and guess[0][0] == question.answer)
    for kind, hits in right.items():
        chance = 1 / len({"colour": COLOURS, "shape": SHAPES}.get(kind, ("", "")))
        sigma = (chance * (1 - chance) / len(hits)) ** 0.5
        assert sum(hits) / len(hits) < chance + 4 * sigma, kind


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, MOST_ROUNDS))
def test_no_round_states_the_answer_to_a_later_one(seed: int, rounds: int) -> None:
    rng = random.Random(seed)
    scene = draw(rng)
    asked = Asker().conversation(rng, scene, rounds)
    assert len(asked) == rounds
    kinds = Counter(question.kind for question in asked)
    assert kinds["side"] <= 1
    assert kinds["count"] <= 1
    assert sum(kinds[kind] for kind in _ATTRIBUTES) <= 2
    named: set[str] = set()
    used: set[str] = set()
    for question in asked:
        if question.kind in _ATTRIBUTES:
            assert not question.words & used
            assert question.answer not in named
            used |= question.words
        named |= question.words
    spoken_of = {
        thing
        for thing in scene.things
        for question in asked
        if question.kind != "count"
        if (question.kind == "existence" and question.answer == "yes" and question.words == {thing.shape, thing.colour})
        or (question.kind != "existence" and thing.shape in question.words)
    }
    assert len(spoken_of) <= 2


@pytest.mark.parametrize("kind", ["count", "existence", "side"])
def test_what_was_said_before_does_not_tilt_two_way_answers(
    kind: str, conversations: list[tuple[Scene, list[Question]]]
) -> None:
    answers: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for _, asked in conversations:
        for index, question in enumerate(asked):
            if question.kind == kind:
                answers[tuple(sorted(earlier.kind for earlier in asked[:index]))][question.answer] += 1
    for before, counts in answers.items():
        if (total := counts.total()) >= 30:
            assert abs(counts.most_common(1)[0][1] / total - 0.5) < 2 / total**0.5, (before, counts)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_separate_questions_differ(seed: int) -> None:
    rng = random.Random(seed)
    asked = Asker().separate(rng, draw(rng), 5)
    assert len({(question.kind, question.words) for question in asked}) == 5
