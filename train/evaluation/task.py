"""What every task is to the rest: items to put to a model, and a way to score what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

SHORT = "Answer the question using a single word or phrase."
"""What LLaVA-1.5's data puts below questions that want short answers."""


@dataclass(frozen=True)
class Item:
    """One question."""

    id: str
    question: str
    """Without any instruction about the form of the answer."""
    target: Any
    """What the metric needs to know."""
    image: Path | None = None
    choices: tuple[str, ...] = ()
    """All possible answers, where the task is multiple choice."""
    group: str = ""


class Task(Protocol):
    """An evaluation task. A module in `train.evaluation.tasks` has one of these as `TASK`."""

    name: str
    metric: str
    """What the mean score is called."""
    instruction: str
    """Line below the question; "" for none."""
    max_tokens: int
    """Longest answer that is generated, in ids."""
    files: Sequence[str]
    """Patterns of the official files, relative to the task's folder; for the help and for error messages."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """Items in a fixed order, and the official files they were read from.

        Raises:
            InputError: a file is missing or damaged, ids do not match, or an image is missing.
        """

    def chance(self, items: Sequence[Item]) -> float:
        """Score of guessing."""

    def score(self, item: Item, prediction: str) -> float:
        """0 to 1."""

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """What is reported beside the score."""


@dataclass(frozen=True)
class Scored:
    """The parts that most tasks share; a task overrides what differs."""

    name: str
    metric: str
    files: Sequence[str]
    instruction: str = SHORT
    max_tokens: int = 16

    def chance(self, items: Sequence[Item]) -> float:
        """Guessing evenly among the choices; free text is never guessed."""
        return sum(1 / len(item.choices) if item.choices else 0.0 for item in items) / len(items)

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Nothing more."""
        return {}
