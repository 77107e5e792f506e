"""Tests of GQA's reader, and its rules beside what its own script says to predictions converted in three ways."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers.official import assert_official_folder, picture, put
from train.evaluation.task import OFFICIAL, Item
from train.evaluation.tasks.gqa import TASK

VALUES = json.loads((Path(__file__).parents[1] / "metrics/official_values/gqa.json").read_text())


@pytest.mark.parametrize(("rule", "column"), [("letter", 2), (OFFICIAL, 3), ("vlm-evaluation", 4)])
def test_every_case_scores_as_the_official_script_says(rule, column):
    task = TASK.under(rule, "image")
    found = [task.score(Item("1", "", case[1]), case[0]) for case in VALUES["cases"]]
    assert found == [case[column] for case in VALUES["cases"]]
    name = VALUES["columns"][column]
    assert 100 * sum(found) / len(found) == pytest.approx(VALUES["accuracy"][name], abs=0.005)


def test_items_of_the_official_folder(held_out: Path) -> None:
    assert_official_folder(TASK, held_out / "gqa", count=12, groups={"query", "verify"})


def test_the_usual_file_is_read_among_those_of_the_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"question": "Is it?", "imageId": "n1", "answer": "yes", "fullAnswer": "Yes.", "isBalanced": True,
           "types": {"structural": "verify", "semantic": "obj", "detailed": "existC"}}  # fmt: skip
    for name in ("testdev_balanced", "testdev_all", "val_balanced", "submission_all"):
        put(tmp_path / f"{name}_questions.json", {"1": row, "2": {**row, "isBalanced": False}})
    picture(tmp_path / "images/n1.jpg")
    items, read = TASK.load(tmp_path)
    assert [path.name for path in read] == ["testdev_balanced_questions.json"]
    assert len(items) == 1
    assert "1 questions that are not balanced are left out" in capsys.readouterr().err
    assert TASK.load(tmp_path / "val_balanced_questions.json")[1][0].name == "val_balanced_questions.json"


def test_balanced_questions_alone_count(copied: Callable[[str], Path]) -> None:
    folder = copied("gqa")
    (path,) = folder.glob("*questions.json")
    rows = json.loads(path.read_text())
    lone = next(qid for qid, row in rows.items() if row["types"]["structural"] == "verify")
    rows[lone]["isBalanced"] = False
    put(path, rows)
    items, _ = TASK.load(folder)
    assert {item.id for item in items} == rows.keys() - {lone}
    right = [item.target if item.group == "query" else "perhaps" for item in items]
    found = TASK.metrics(items, right)
    assert (found["open"], found["binary"]) == (1.0, 0.0)


def test_files_without_answers_and_without_json(copied: Callable[[str], Path]) -> None:
    folder = copied("gqa")
    path = next(folder.glob("*questions.json"))
    rows = json.loads(path.read_text())
    put(path, {qid: {key: row[key] for key in row.keys() - {"answer"}} for qid, row in rows.items()})
    with pytest.raises(InputError, match="a split without answers"):
        TASK.load(folder)
    path.write_text("[{]")
    with pytest.raises(InputError, match=r"questions.json:1: not JSON"):
        TASK.load(folder)
