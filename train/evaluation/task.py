"""Defines what an evaluation task is: items to put to a model, and rules that score what it says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

SHORT = "Answer the question using a single word or phrase."
"""What LLaVA-1.5's data puts below questions that want short answers."""
OFFICIAL = "official"
"""The scoring rule that every task has: the benchmark's own."""
RULES = (OFFICIAL, "vlm-evaluation", "normalised", "letter")
"""Scoring rules. A task without a rule of the wanted name is scored by its official one."""


@dataclass(frozen=True)
class Item:
    """Holds one question to a model."""

    id: str
    question: str
    """Without any instruction about the form of the answer."""
    target: Any
    """What the metric needs to know."""
    image: Path | None = None
    choices: tuple[str, ...] = ()
    """All possible answers, where the task is multiple choice."""
    group: str = ""
    size: tuple[int, int] | None = None
    """Width and height of the image in pixels, where the metric needs them."""

    def at(self, target: Any) -> Self:
        """The same item with this target."""
        return replace(self, target=target)


Rule = Callable[[Item, str], float]
"""(item, prediction) -> 0 to 1."""


@dataclass(frozen=True)
class Task(ABC):
    """An evaluation task; a module in `train.evaluation.tasks` has one of these as `TASK`."""

    name: str
    metric: str
    """What the mean score is called."""
    files: Sequence[str]
    """Patterns of the official files, relative to the task's folder."""
    rules: Mapping[str, Rule]
    """The scoring rules that the task knows; one is `official`."""
    instruction: str = SHORT
    """Line below the question; "" for none."""
    max_tokens: int = 16
    """Longest answer that is generated, in ids."""
    rule: str = OFFICIAL
    """How predictions are scored."""

    @abstractmethod
    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items in a fixed order, and the official files they were read from; `place` is a folder or the main file.

        Raises:
            InputError: a file is missing or damaged, ids do not match, or an image is missing.
        """

    def under(self, rule: str, frame: str) -> Self:
        """The same task, scored by `rule` if it has such a rule, else by its official one; `frame` is for boxes."""
        return replace(self, rule=rule if rule in self.rules else OFFICIAL)

    @property
    def terms(self) -> dict[str, Any]:
        """How predictions are scored, as results state it."""
        return {"rule": self.rule}

    def chance(self, items: Sequence[Item]) -> float:
        """Score of guessing evenly among the choices; free text is never guessed."""
        return sum(1 / len(item.choices) if item.choices else 0.0 for item in items) / len(items)

    def score(self, item: Item, prediction: str) -> float:
        """0 to 1, by the task's rule."""
        return self.rules[self.rule](item, prediction)

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Returns what is reported beside the score: here, the scores by the task's other rules."""
        return {
            f"rule/{name}": sum(rule(item, said) for item, said in zip(items, predictions, strict=True)) / len(items)
            for name, rule in self.rules.items()
            if name != self.rule
        }
