"""Tests of POPE's reader and report: both forms of its files, splits of their own, answers that are neither."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers.official import picture
from train.evaluation.tasks.pope import SPLITS, TASK


def test_items_of_the_official_folder(held_out: Path) -> None:
    items, files = TASK.load(held_out / "pope")
    assert [item.group for item in items] == [split for split in SPLITS for _ in range(6)]
    assert [path.name for path in files] == [f"coco_pope_{split}.json" for split in SPLITS]
    for item in items:
        assert TASK.score(item, item.target) == 1.0
        assert TASK.score(item, "purple cow") == float(item.target == "yes"), "POPE's script: no 'no' in it is a yes"


@pytest.mark.parametrize("form", ["lines", "list"])
@pytest.mark.parametrize("name", ["coco_pope_{}.json", "gqa_pope_seem_{}.json"])
def test_both_forms_of_the_files(tmp_path: Path, form: str, name: str) -> None:
    """COCO's files are JSON lines; those of the SEEM variants are JSON lists."""
    for split in SPLITS:
        rows = [{"question_id": n, "image": "a.jpg", "text": "Is there a dog?", "label": label}
                for n, label in enumerate(("yes", "no"), 1)]  # fmt: skip
        text = json.dumps(rows, indent=4) if form == "list" else "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name.format(split)).write_text(text)
    picture(tmp_path / "images/a.jpg")
    items, read = TASK.load(tmp_path)
    assert (len(items), len(read)) == (6, 3)
    assert {item.choices for item in items} == {("Yes", "No")}
    assert [TASK.score(items[0], said) for said in items[0].choices] == [1.0, 0.0]
    assert len(TASK.load(tmp_path / name.format("popular"))[0]) == 2


def test_each_split_is_reported_and_the_mean_of_splits_weighs_them_alike(held_out: Path) -> None:
    items = TASK.load(held_out / "pope")[0]
    items = [item for item in items if item.group != "popular"][:-3]
    said = [item.target if item.group == "random" else {"yes": "no", "no": "yes"}[item.target] for item in items]
    found = TASK.metrics(items, said)
    assert (found["random/accuracy"], found["adversarial/accuracy"]) == (1.0, 0.0)
    assert (found["mean_of_splits"], found["accuracy"]) == (0.5, pytest.approx(6 / 9))
    assert not [name for name in found if name.startswith("popular")]


def test_damaged_files(copied: Callable[[str], Path]) -> None:
    folder = copied("pope")
    path = folder / "coco_pope_random.json"
    path.write_text(path.read_text() + '{"question_id": 9, "image": "x.jpg", "text": "?", "label": "maybe"}\n')
    with pytest.raises(InputError, match=r"coco_pope_random.json:7: label: question 9: 'maybe' is neither yes nor no"):
        TASK.load(folder)
    path.write_text("not json\n")
    with pytest.raises(InputError, match=r"coco_pope_random.json:1: not a POPE question"):
        TASK.load(folder)
