"""Reads the question file: a JSON list of multiple-choice questions, each about one image that lies beside the file."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from common.errors import InputError


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

    @property
    def chance(self) -> float:
        """Computes the accuracy of guessing."""
        return 1 / len(self.choices)


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
