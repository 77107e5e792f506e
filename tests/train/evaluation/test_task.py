"""Tests of what every evaluation task has: rules by name, the chance of guessing, scores by the other rules."""

from dataclasses import replace
from pathlib import Path

import pytest

from train.evaluation.task import OFFICIAL, Item, Rule, Task


class Exact(Task):
    """A task without files."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        raise NotImplementedError


RULES: dict[str, Rule] = {
    OFFICIAL: lambda item, said: float(said == item.target),
    "letter": lambda item, said: float(said[0] == item.target[0]),
}
TASK = Exact("exact", "accuracy", (), RULES)


def test_a_rule_that_the_task_does_not_know_is_its_official_one() -> None:
    letter = TASK.under("letter", "square")
    assert (letter.rule, letter.terms) == ("letter", {"rule": "letter"})
    assert letter.under("normalised", "image").rule == OFFICIAL
    item = Item("1", "?", "abc")
    assert [task.score(item, "axe") for task in (TASK, letter)] == [0.0, 1.0]


def test_scores_by_the_other_rules_are_reported() -> None:
    items = [Item("1", "?", "abc"), Item("2", "?", "bcd")]
    said = ["axe", "bcd"]
    assert TASK.metrics(items, said) == {"rule/letter": 1.0}
    assert TASK.under("letter", "image").metrics(items, said) == {"rule/official": 0.5}
    with pytest.raises(ValueError, match="shorter"):
        TASK.metrics(items, said[:1])


def test_chance_is_even_among_the_choices_and_free_text_is_never_guessed() -> None:
    item = Item("1", "?", "a", choices=("a", "b", "c", "d"))
    assert TASK.chance([item, replace(item, choices=("a", "b")), replace(item, choices=())]) == pytest.approx(0.25)


def test_an_item_at_another_target_is_otherwise_the_same() -> None:
    item = Item("1", "?", "a", group="g", size=(4, 3))
    assert item.at("b") == Item("1", "?", "b", group="g", size=(4, 3))
    assert item.target == "a"
