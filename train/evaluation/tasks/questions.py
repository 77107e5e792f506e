"""Multiple-choice questions: `questions.json` ([{question_id, image, question, answer, choices, kind}]).

Answered by likelihood, whatever `--by` says elsewhere: the choices are what there is to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.evaluation import official_files
from train.evaluation.questions import load_questions
from train.evaluation.task import Item, Scored


@dataclass(frozen=True)
class Questions(Scored):
    """See the module."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path = official_files.only(folder, "questions.json")
        items = [
            Item(
                id=str(question.question_id),
                question=question.question,
                target=question.answer,
                image=official_files.image(folder, question.image, "") if question.image else None,
                choices=tuple(question.choices),
                group=question.kind,
            )
            for question in load_questions(path)
        ]
        official_files.unique((item.id for item in items), path)
        return items, [path]

    def score(self, item: Item, prediction: str) -> float:
        """1 if it is the answer."""
        return float(prediction == item.target)


TASK = Questions("questions", "accuracy", ("questions.json", "images as the file names them"), instruction="")
