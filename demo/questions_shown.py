"""Chooses held-out questions for the page: of every kind some that the model with images got right, and some wrong."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from demo.accuracy import TASK
from schemas.results import load_task

EACH = 3
"""Right ones and wrong ones of a kind."""
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif"}


@dataclass(frozen=True)
class Shown:
    """One question with the answers of both models."""

    kind: str
    question: str
    target: str
    seeing: str
    """Answer of the model with images."""
    text_only: str
    picture: str
    """Data URI."""

    @property
    def right(self) -> bool:
        """Whether the model with images got it right."""
        return self.seeing == self.target

    @property
    def caption(self) -> str:
        """Question and answers, a line each."""
        marks = {True: "✓", False: "✗"}
        return "\n".join(
            (
                self.question,
                f"right answer: {self.target}",
                f"with images: {self.seeing} {marks[self.right]}",
                f"text only: {self.text_only} {marks[self.text_only == self.target]}",
            )
        )


def choose(held_out: Path, seeing: Path, text_only: Path, each: int = EACH) -> dict[str, list[Shown]]:
    """By kind: the first `each` that the model with images got right, then the first that it got wrong.

    Args:
        held_out: folder of questions.json and its pictures.
        seeing: scores of the model with images.
        text_only: scores of the other one, blind.
        each: how many of either.

    Raises:
        InputError: a file is missing or damaged.
    """
    questions = {str(one["question_id"]): one for one in _questions(held_out)}
    blind = {row.id: row.prediction for row in load_task(text_only, TASK, blind=True).predictions}
    found: dict[str, dict[bool, list[Shown]]] = {}
    for row in load_task(seeing, TASK).predictions:
        side = found.setdefault(row.group, {True: [], False: []})[row.prediction == row.target]
        if len(side) < each and row.id in questions and row.id in blind:
            said = questions[row.id]
            picture = _uri(held_out / said["image"])
            target = str(row.target)
            side.append(Shown(row.group, said["question"], target, row.prediction, blind[row.id], picture))
    return {kind: [*sides[True], *sides[False]] for kind, sides in sorted(found.items())}


def _questions(folder: Path) -> list[dict[str, str]]:
    path = folder / "questions.json"
    try:
        found: list[dict[str, str]] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the questions ({error})", file=path, remedy="make the world again") from None
    return found


def _uri(picture: Path) -> str:
    content = base64.b64encode(picture.read_bytes()).decode()
    return f"data:{_TYPES.get(picture.suffix, 'image/jpeg')};base64,{content}"
