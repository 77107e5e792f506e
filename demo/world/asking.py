"""Which question is asked next, so that wording says nothing about the answer.

A model that never sees the picture must stay at chance, or the demonstration would prove nothing. Three things see to
it:

* attributes are independent within a scene (`scene.py`);
* an `Asker` counts how often each answer followed each question text, and asks what keeps the answers level;
* the rounds of a conversation never state the answer to a later one. They speak of two things at most (a third would
  give the number away), ask the colour, shape or existence of each once, and a side and the number once at most. That
  colours and shapes are unique can still rule out the one choice already named; single questions are free of that too.

Kinds keep their weights over the whole set: the next kind is, up to a little noise, the one furthest behind.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict

from demo.world.questions import Question, on_colour, on_count, on_existence, on_shape, on_side
from demo.world.scene import Scene, Thing

WEIGHTS = {"colour": 0.17, "shape": 0.17, "existence": 0.30, "side": 0.25, "count": 0.11}
MOST_ROUNDS = 4
"""Rounds that `Asker.conversation` can always find: two things, a side and the number."""


class Asker:
    """Asks about scene after scene, keeping kinds at their weights and answers level. One for each data set."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._answers: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def conversation(self, rng: random.Random, scene: Scene, rounds: int) -> list[Question]:
        """Ask 1 to `MOST_ROUNDS` questions in a row, none of which states the answer to a later one."""
        subjects = rng.sample(scene.things, 2)
        asked: list[Question] = []
        for _ in range(rounds):
            asked.append(self._choose(rng, _next_round(rng, scene, subjects, asked, alone=rounds == 1)))
        return asked

    def separate(self, rng: random.Random, scene: Scene, number: int) -> list[Question]:
        """Ask `number` questions (at most 5), each of which stands alone and none of which repeats another."""
        asked: list[Question] = []
        things = list(scene.things)
        for _ in range(number):
            options = [
                *on_colour(things),
                *on_shape(things),
                *on_existence(rng, scene, things),
                *on_side(things),
                *on_count(scene),
            ]
            seen = {(question.kind, question.words) for question in asked}
            asked.append(self._choose(rng, [option for option in options if (option.kind, option.words) not in seen]))
        return asked

    def _choose(self, rng: random.Random, options: list[Question]) -> Question:
        total = self._kinds.total() + 1
        level = [option for option in options if self._surplus(option)[2] < 1] or options
        kinds = sorted({option.kind for option in level})
        behind = {kind: WEIGHTS[kind] * total - self._kinds[kind] + rng.random() for kind in kinds}
        kind = max(kinds, key=lambda name: behind[name])
        candidates = [option for option in level if option.kind == kind]
        rng.shuffle(candidates)
        question = min(candidates, key=self._surplus)
        self._kinds[kind] += 1
        for key in (question.text, question.wording, question.kind):
            self._answers[key][question.answer] += 1
        return question

    def _surplus(self, question: Question) -> tuple[float, float, float]:
        """How often, beyond its share, the answer followed this text, this wording and this kind."""

        def surplus(key: str) -> float:
            answers = self._answers[key]
            return answers[question.answer] - answers.total() / len(question.choices)

        return surplus(question.text), surplus(question.wording), surplus(question.kind)


def _next_round(
    rng: random.Random, scene: Scene, subjects: list[Thing], asked: list[Question], *, alone: bool
) -> list[Question]:
    """All questions that may follow `asked`; `alone` if there will be no further round."""
    kinds = [question.kind for question in asked]
    named = frozenset[str]().union(*(question.words for question in asked))
    used = frozenset[str]().union(*(question.words for question in asked if question.kind != "side"))
    free = [thing for thing in subjects if not {thing.shape, thing.colour} & used]
    options: list[Question] = []
    if len(kinds) - kinds.count("side") - kinds.count("count") < len(subjects):
        options += on_colour(free)
        options += on_shape([thing for thing in free if thing.shape not in named])
        for thing in free:
            kept = frozenset() if alone else {word for other in free for word in (other.shape, other.colour)}
            options += on_existence(rng, scene, [thing], used | kept)
    if "side" not in kinds:
        options += on_side(subjects)
    if "count" not in kinds:
        options += on_count(scene)
    return options
