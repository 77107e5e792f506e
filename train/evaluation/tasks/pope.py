"""Defines POPE: is there such an object? Half of the right answers are no; the wrong objects get harder from split to
split.

Folder: `*pope*_random.json`, `*pope*_popular.json`, `*pope*_adversarial.json` (JSON lines or a JSON list of
{question_id, image, text, label}; any of the three may be absent) and images under `val2014/` (COCO's) or `images/`.
An answer is read as POPE's script reads it; with `--by likelihood` the likelier of "Yes" and "No" counts instead, spelt
as instruction data spells them (LLaVA-1.5's answers are capitalised, and vlm-evaluation asks for these two).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.metrics import yes_no
from train.evaluation.task import OFFICIAL, Item, Task

SPLITS = ("random", "popular", "adversarial")


@dataclass(frozen=True)
class Pope(Task):
    """Scores POPE as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items split by split, in the files' order."""
        found = _files(place)
        items = [
            _item(official_files.home(place), split, path, line, row)
            for split, path in found.items()
            for line, row in _rows(path)
        ]
        if not items:
            raise InputError("no questions", file=next(iter(found.values())), remedy="use the official file")
        official_files.unique((item.id for item in items), place)
        return items, list(found.values())

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Accuracy, precision, recall, F1 and yes-ratio, over all and by split; the mean of the splits' accuracies."""
        said = [yes_no.parse(prediction) for prediction in predictions]
        found = yes_no.metrics(said, [item.target for item in items])
        splits = dict.fromkeys(item.group for item in items)
        for split in splits:
            part = [index for index, item in enumerate(items) if item.group == split]
            inner = yes_no.metrics([said[i] for i in part], [items[i].target for i in part])
            found |= {f"{split}/{name}": value for name, value in inner.items()}
        return found | {"mean_of_splits": sum(found[f"{split}/accuracy"] for split in splits) / len(splits)}


def _files(place: Path) -> dict[str, Path]:
    """The file of each split."""
    if place.is_file():
        return {next((split for split in SPLITS if split in place.name), place.stem): place}
    found = {
        split: f"*pope*_{split}.json" for split in SPLITS if place.is_dir() and any(place.glob(f"*pope*_{split}.json"))
    }
    return {
        split: official_files.chosen(place, pattern)
        for split, pattern in (found or {"random": "*pope*_random.json"}).items()
    }


def _rows(path: Path) -> Iterator[tuple[int | None, Any]]:
    """(line, row) of each question; in a JSON list, lines are not known."""
    data = path.read_bytes()
    if data.lstrip()[:1] == b"[":
        for row in official_files.rows(official_files.read_json(path), path):
            yield None, row
        return
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                problem = f"not a POPE question ({error})"
                raise InputError(problem, file=path, line=number, remedy="use the official file") from None


def _item(folder: Path, split: str, path: Path, line: int | None, row: Any) -> Item:
    question_id = official_files.field(row, "question_id", path, f"line {line}" if line else "a question", (int, str))
    what = f"question {question_id}"
    name, text, label = (official_files.field(row, key, path, what) for key in ("image", "text", "label"))
    if label not in ("yes", "no"):
        problem = f"{what}: {label!r} is neither yes nor no"
        raise InputError(problem, file=path, line=line, field="label", remedy="use the official file")
    picture = official_files.image(folder, name, "val2014", "images", "")
    return Item(f"{split}-{question_id}", text, label, picture, choices=("Yes", "No"), group=split)


def _right(item: Item, prediction: str) -> float:
    return float(yes_no.parse(prediction) == item.target)


TASK = Pope("pope", "accuracy", ("*pope_{random,popular,adversarial}.json", "val2014/*.jpg"), {OFFICIAL: _right})
