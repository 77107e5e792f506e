"""Defines GQA: compositional questions with one answer; exact match.

Folder: `*questions.json` ({qid: {question, imageId, answer}}, usually `testdev_balanced_questions.json`) and
`images/IMAGEID.jpg`. GQA's own script compares to the letter what a submitter has written into its form. The official
rule is what LLaVA's published scores come from: case and final full stops do not count. `letter` forgives nothing,
`vlm-evaluation` drops all punctuation of the prediction. As in GQA's script, only balanced questions count where a file
has others too; questions of structure `query` are open, all others binary.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.task import OFFICIAL, Item, Task

USUAL = "testdev_balanced_questions.json"
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Gqa(Task):
    """Scores GQA as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path, folder = official_files.chosen(place, "*questions.json", [USUAL]), official_files.home(place)
        data = official_files.read_json(path)
        if not isinstance(data, dict) or not data or not all(isinstance(row, dict) for row in data.values()):
            raise InputError("not an object of questions by id", file=path, remedy="use the official file")
        items = []
        for qid, row in data.items():
            what = f"question {qid}"
            if not row.get("isBalanced", True):
                continue
            types = row.get("types")
            name = f"{official_files.field(row, 'imageId', path, what, (str, int))}.jpg"
            items.append(
                Item(
                    id=qid,
                    question=official_files.field(row, "question", path, what),
                    target=official_files.field(row, "answer", path, f"{what} (of a split without answers?)"),
                    image=official_files.image(folder, name, "images", "../images"),
                    group=str(types.get("structural", "")) if isinstance(types, dict) else "",
                )
            )
        if not items:
            raise InputError("no balanced question", file=path, remedy=f"use {USUAL}")
        if left := len(data) - len(items):
            official_files.say(f"{path}: {left:,} questions that are not balanced are left out")
        return items, [path]

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Accuracy of open and of binary questions, where the file tells them apart."""
        found: dict[str, list[float]] = {"open": [], "binary": []}
        for item, said in zip(items, predictions, strict=True):
            if item.group:
                found["open" if item.group == "query" else "binary"].append(self.score(item, said))
        parts = {name: sum(part) / len(part) for name, part in found.items() if part}
        return parts | super().metrics(items, predictions)


def _as_llava(item: Item, prediction: str) -> float:
    return float(prediction.rstrip(".").lower() == item.target)


def _letter(item: Item, prediction: str) -> float:
    return float(prediction == item.target)


def _as_vlm_evaluation(item: Item, prediction: str) -> float:
    return float(prediction.translate(_NO_PUNCTUATION).lower() == item.target)


TASK = Gqa(
    "gqa",
    "exact match",
    ("*questions.json", "images/*.jpg"),
    {OFFICIAL: _as_llava, "letter": _letter, "vlm-evaluation": _as_vlm_evaluation},
)
