"""Defines VizWiz: questions by blind people about their own photos; "unanswerable" is an answer.

Folder: `val.json` (a list of {image, question, answers: [{answer}] x 10, answerable}), also where the official archive
unpacks it, in `Annotations/`, and the images, in a folder named as the file (`val/`) or in `images/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.evaluation import official_files
from train.evaluation.metrics import vqa
from train.evaluation.task import OFFICIAL, SHORT, Item, Task
from train.evaluation.tasks.open_answers import by

USUAL = "val.json"
UNPACKED = "Annotations"


@dataclass(frozen=True)
class VizWiz(Task):
    """Scores VizWiz as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order; the image's name is the id."""
        inner = place / UNPACKED
        path = official_files.chosen(inner if inner.is_dir() else place, "*.json", [USUAL])
        items = []
        for number, row in enumerate(official_files.rows(official_files.read_json(path), path)):
            name = official_files.field(row, "image", path, f"row {number}")
            what = f"the question on {name}"
            items.append(
                Item(
                    id=name,
                    question=official_files.field(row, "question", path, what),
                    target=official_files.people(row, path, what),
                    image=official_files.image(
                        official_files.home(place), name, path.stem, "images", f"../{path.stem}"
                    ),
                    group="answerable" if row.get("answerable", 1) else "unanswerable",
                )
            )
        official_files.unique((item.id for item in items), path)
        return items, [path]


TASK = VizWiz(
    "vizwiz",
    "soft accuracy",
    ("*.json", "val/*.jpg"),
    {OFFICIAL: by(vqa.vizwiz), "normalised": by(vqa.normalised)},
    instruction=f"When the provided information is insufficient, respond with 'Unanswerable'.\n{SHORT}",
)
