"""Reads how many held-out questions a run answered, in all and by kind, from the results of its evaluation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from schemas.results import load_task

TASK = "questions"


@dataclass(frozen=True)
class Accuracy:
    """Of a group of questions."""

    questions: int
    share: float
    """Answered correctly."""
    chance: float
    """What guessing evenly among the choices would give."""


@dataclass(frozen=True)
class Scores:
    """Of one run."""

    overall: Accuracy
    by_kind: dict[str, Accuracy]

    @classmethod
    def read(cls, folder: Path, *, blind: bool) -> Scores:
        """Read the results in `folder`; `blind` for questions that were asked without their images.

        Raises:
            InputError: there are none, or they are damaged.
        """
        result = load_task(folder, TASK, blind=blind)
        kinds: defaultdict[str, list[float]] = defaultdict(list)
        for row in result.predictions:
            kinds[row.group].append(row.score)
        by_kind = {
            kind: Accuracy(len(right), sum(right) / len(right), result.metrics.get(f"chance/{kind}", result.chance))
            for kind, right in sorted(kinds.items())
        }
        return cls(Accuracy(result.items, result.score, result.chance), by_kind)
