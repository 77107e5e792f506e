"""GQA: compositional questions with one answer; exact match.

Folder: `*questions.json` ({qid: {question, imageId, answer}}) and `images/IMAGEID.jpg`. Case, surrounding blanks and a
final full stop do not count, as in LLaVA's use of the official script; nothing else is forgiven.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import InputError
from train.evaluation import files
from train.evaluation.item import Item, Scored


def plain(answer: str) -> str:
    """What is compared."""
    return answer.strip().removesuffix(".").strip().lower()


@dataclass(frozen=True)
class Gqa(Scored):
    """See the module."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path = files.only(folder, "*questions.json")
        data = files.read_json(path)
        if not isinstance(data, dict) or not data or not all(isinstance(row, dict) for row in data.values()):
            raise InputError("not an object of questions by id", file=path, remedy="use the official file")
        items = []
        for qid, row in data.items():
            what = f"question {qid}"
            name = f"{files.field(row, 'imageId', path, what)}.jpg"
            items.append(
                Item(
                    id=qid,
                    question=files.field(row, "question", path, what),
                    target=files.field(row, "answer", path, f"{what} (of a split without answers?)"),
                    image=files.image(folder, name, "images"),
                    group=str(row.get("types", {}).get("structural", "")),
                )
            )
        return items, [path]

    def score(self, item: Item, prediction: str) -> float:
        """Exact match."""
        return float(plain(prediction) == plain(item.target))


TASK = Gqa("gqa", "exact match", ("*questions.json", "images/*.jpg"))
