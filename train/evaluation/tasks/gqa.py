"""GQA: compositional questions with one answer; exact match.

Folder: `*questions.json` ({qid: {question, imageId, answer}}) and `images/IMAGEID.jpg`. Case, surrounding blanks and a
final full stop do not count, as in LLaVA's use of the official script; nothing else is forgiven. As in that script,
only balanced questions count where a file has others too; questions of structure `query` are open, all others binary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.task import Item, Scored


def plain(answer: str) -> str:
    """What is compared."""
    return answer.strip().removesuffix(".").strip().lower()


@dataclass(frozen=True)
class Gqa(Scored):
    """See the module."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path = official_files.only(folder, "*questions.json")
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
                    image=official_files.image(folder, name, "images"),
                    group=str(types.get("structural", "")) if isinstance(types, dict) else "",
                )
            )
        if not items:
            raise InputError("no balanced question", file=path, remedy="use the official balanced questions")
        return items, [path]

    def score(self, item: Item, prediction: str) -> float:
        """Exact match."""
        return float(plain(prediction) == plain(item.target))

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Accuracy of open and of binary questions, where the file tells them apart."""
        found: dict[str, list[float]] = {"open": [], "binary": []}
        for item, said in zip(items, predictions, strict=True):
            if item.group:
                found["open" if item.group == "query" else "binary"].append(self.score(item, said))
        return {name: sum(part) / len(part) for name, part in found.items() if part}


TASK = Gqa("gqa", "exact match", ("*questions.json", "images/*.jpg"))
