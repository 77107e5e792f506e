"""Defines TextVQA: questions whose answer is written in the picture.

Folder: `TextVQA_0.5.1_val.json` ({"data": [{question_id, image_id, question, answers x 10}]}; the Rosetta OCR file that
the release puts beside it is not read) and `train_images/ID.jpg` (the official archive has the validation images there
too) or `images/ID.jpg`. No OCR tokens are put into the prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.evaluation import official_files
from train.evaluation.metrics import vqa
from train.evaluation.task import OFFICIAL, Item, Task
from train.evaluation.tasks.open_answers import by

USUAL = ("TextVQA_0.5.1_val.json", "TextVQA_0.5_val.json")


@dataclass(frozen=True)
class TextVqa(Task):
    """Scores TextVQA as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path = official_files.chosen(place, "TextVQA*.json", USUAL, besides="*Rosetta*")
        items = []
        for number, row in enumerate(official_files.rows(official_files.read_json(path), path, "data")):
            question_id = official_files.field(row, "question_id", path, f"row {number}", (int, str))
            what = f"question {question_id}"
            name = f"{official_files.field(row, 'image_id', path, what, (str, int))}.jpg"
            items.append(
                Item(
                    id=str(question_id),
                    question=official_files.field(row, "question", path, what),
                    target=official_files.people(row, path, what),
                    image=official_files.image(official_files.home(place), name, "train_images", "images"),
                )
            )
        official_files.unique((item.id for item in items), path)
        return items, [path]


TASK = TextVqa(
    "textvqa",
    "soft accuracy",
    ("TextVQA*.json", "train_images/*.jpg"),
    {OFFICIAL: by(vqa.textvqa), "normalised": by(vqa.normalised)},
)
