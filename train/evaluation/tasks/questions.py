"""Defines multiple-choice questions: `questions.json` ([{question_id, image, question, answer, choices, kind}]).

Answered by likelihood, whatever `--by` says elsewhere: the choices are what there is to say. They are compared as the
file spells them, so it should spell them as the training answers are spelt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.task import OFFICIAL, Item, Task


class Question(BaseModel):
    """One question; fields that are not known here are left alone, since question files carry their own notes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    question_id: int | str
    image: str | None = None
    """Path of the image, relative to the file; None for a question without one."""
    question: str
    answer: str
    choices: list[str] = Field(min_length=2)
    kind: str = "question"
    """Group that accuracy is also given for."""

    @model_validator(mode="after")
    def _has_its_answer(self) -> Question:
        if self.answer not in self.choices:
            raise ValueError(f"the answer {self.answer!r} of question {self.question_id} is not among its choices")
        return self


def load_questions(path: Path) -> list[Question]:
    """Read a question file.

    Raises:
        InputError: it is missing, is not JSON, or a question lacks a field.
    """
    try:
        questions = TypeAdapter(list[Question]).validate_python(json.loads(path.read_bytes()))
    except OSError as error:
        raise InputError(f"cannot read the questions ({error.strerror})", file=path, remedy="check the path") from None
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", file=path, line=error.lineno) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not JSON: {error}", file=path) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"not a question file: {first['msg']}", file=path, field=field or None) from None
    if not questions:
        raise InputError("no questions", file=path, remedy="give a file with at least one")
    return questions


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

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Computes what guessing scores in each group, where there are several."""
        groups = {item.group: [one for one in items if one.group == item.group] for item in items}
        return {f"chance/{name}": self.chance(part) for name, part in sorted(groups.items()) if len(groups) > 1}


def _same(item: Item, prediction: str) -> float:
    return float(prediction == item.target)


TASK = Questions(
    "questions", "accuracy", ("questions.json", "images as the file names them"), {OFFICIAL: _same}, instruction=""
)
