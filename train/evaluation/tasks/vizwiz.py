"""VizWiz: questions by blind people about their own photos; "unanswerable" is an answer.

Folder: one `*.json` (val.json: a list of {image, question, answers: [{answer}] x 10, answerable}) and the images, in a
folder named as the file (`val/`) or in `images/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.evaluation import official_files
from train.evaluation.metrics.vqa import soft_accuracy
from train.evaluation.task import SHORT, Item, Scored


@dataclass(frozen=True)
class VizWiz(Scored):
    """See the module."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order; the image's name is the id."""
        path = official_files.only(folder, "*.json")
        items = []
        for number, row in enumerate(official_files.rows(official_files.read_json(path), path)):
            name = official_files.field(row, "image", path, f"row {number}")
            what = f"the question on {name}"
            items.append(
                Item(
                    id=name,
                    question=official_files.field(row, "question", path, what),
                    target=official_files.people(row, path, what),
                    image=official_files.image(folder, name, path.stem, "images"),
                    group="answerable" if row.get("answerable", 1) else "unanswerable",
                )
            )
        official_files.unique((item.id for item in items), path)
        return items, [path]

    def score(self, item: Item, prediction: str) -> float:
        """Soft accuracy."""
        return soft_accuracy(prediction, item.target)


TASK = VizWiz(
    "vizwiz",
    "soft accuracy",
    ("*.json", "val/*.jpg"),
    instruction=f"When the provided information is insufficient, respond with 'Unanswerable'.\n{SHORT}",
)
