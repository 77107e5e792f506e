"""Defines multiple-choice questions: `questions.json` ([{question_id, image, question, answer, choices, kind}]).

Answered by likelihood, whatever `--by` says elsewhere: the choices are what there is to say. They are compared as the
file spells them, so it should spell them as the training answers are spelt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.evaluation import official_files
from train.evaluation.questions import load_questions
from train.evaluation.task import OFFICIAL, Item, Task


@dataclass(frozen=True)
class Questions(Task):
    """Scores multiple-choice questions as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path = official_files.chosen(place, "questions.json")
        items = [
            Item(
                id=str(question.question_id),
                question=question.question,
                target=question.answer,
                image=official_files.image(official_files.home(place), question.image, "") if question.image else None,
                choices=tuple(question.choices),
                group=question.kind,
            )
            for question in load_questions(path)
        ]
        official_files.unique((item.id for item in items), path)
        return items, [path]


def _same(item: Item, prediction: str) -> float:
    return float(prediction == item.target)


TASK = Questions(
    "questions", "accuracy", ("questions.json", "images as the file names them"), {OFFICIAL: _same}, instruction=""
)
