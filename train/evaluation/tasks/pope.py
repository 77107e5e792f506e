"""POPE: is there such an object? Half of the right answers are no; the wrong objects get harder from split to split.

Folder: `*pope_random.json`, `*pope_popular.json`, `*pope_adversarial.json` (JSON lines {question_id, image, text,
label}, any of the three may be absent) and COCO images under `val2014/` or `images/`. An answer is read as POPE's
script reads it; with `--by likelihood` the likelier of "yes" and "no" counts instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.metrics import yes_no
from train.evaluation.task import Item, Scored

SPLITS = ("random", "popular", "adversarial")


@dataclass(frozen=True)
class Pope(Scored):
    """See the module."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """Items split by split, in the files' order."""
        found = {
            split: official_files.only(folder, f"*pope_{split}.json") for split in SPLITS if _exists(folder, split)
        }
        if not found:
            official_files.only(folder, "*pope_random.json")
        items = []
        for split, path in found.items():
            for number, line in enumerate(path.read_bytes().splitlines(), 1):
                if line.strip():
                    items.append(_item(folder, split, path, number, line))
        if not items:
            raise InputError("no questions", file=next(iter(found.values())), remedy="use the official file")
        official_files.unique((item.id for item in items), folder)
        return items, list(found.values())

    def score(self, item: Item, prediction: str) -> float:
        """1 if yes is yes, or no is no."""
        return float(yes_no.parse(prediction) == item.target)

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Accuracy, precision, recall, F1 and yes-ratio, over all and by split."""
        said = [yes_no.parse(prediction) for prediction in predictions]
        found = yes_no.metrics(said, [item.target for item in items])
        for split in dict.fromkeys(item.group for item in items):
            part = [index for index, item in enumerate(items) if item.group == split]
            inner = yes_no.metrics([said[i] for i in part], [items[i].target for i in part])
            found |= {f"{split}/{name}": value for name, value in inner.items()}
        return found


def _exists(folder: Path, split: str) -> bool:
    return folder.is_dir() and any(folder.glob(f"*pope_{split}.json"))


def _item(folder: Path, split: str, path: Path, number: int, line: bytes) -> Item:
    try:
        row = json.loads(line)
    except ValueError as error:
        problem = f"not a POPE question ({error})"
        raise InputError(problem, file=path, line=number, remedy="use the official file") from None
    what = f"line {number}"
    question_id = official_files.field(row, "question_id", path, what, (int, str))
    name, text, label = (official_files.field(row, key, path, what) for key in ("image", "text", "label"))
    if label not in ("yes", "no"):
        raise InputError(f"{label!r} is neither yes nor no", file=path, line=number, field="label")
    picture = official_files.image(folder, name, "val2014", "images")
    return Item(f"{split}-{question_id}", text, label, picture, choices=("yes", "no"), group=split)


TASK = Pope("pope", "accuracy", ("*pope_{random,popular,adversarial}.json", "val2014/*.jpg"))
