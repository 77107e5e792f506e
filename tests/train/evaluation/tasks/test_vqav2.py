"""Tests of VQAv2's reader: two files that have to speak of the same questions, and the usual split among several."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers.official import assert_official_folder, picture, put
from train.evaluation.tasks.vqav2 import TASK

Copied = Callable[[str], Path]


def test_items_of_the_official_folder(held_out: Path) -> None:
    items = assert_official_folder(TASK, held_out / "vqav2", count=12, groups={"other", "number", "yes/no"})
    assert {len(item.target) for item in items} == {10}


def test_the_usual_split_is_read_where_the_archives_of_two_are_unpacked(tmp_path: Path) -> None:
    for subset, image in (("train2014", 9), ("val2014", 42)):
        question = {"question_id": image * 1000, "image_id": image, "question": "What?"}
        answers = [{"answer": "x", "answer_confidence": "yes", "answer_id": n} for n in range(1, 11)]
        put(tmp_path / f"v2_OpenEnded_mscoco_{subset}_questions.json",
            {"data_subtype": subset, "questions": [question]})  # fmt: skip
        put(tmp_path / f"v2_mscoco_{subset}_annotations.json",
            {"annotations": [{**question, "answers": answers, "answer_type": "other"}]})  # fmt: skip
        picture(tmp_path / f"{subset}/COCO_{subset}_{image:012d}.jpg")
    assert [item.id for item in TASK.load(tmp_path)[0]] == ["42000"]
    items, read = TASK.load(tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json")
    assert [item.id for item in items] == ["9000"]
    assert read[1].name == "v2_mscoco_train2014_annotations.json"


def test_a_missing_image_is_named(copied: Copied) -> None:
    folder = copied("vqav2")
    next(folder.glob("val2014/*")).unlink()
    with pytest.raises(InputError, match=r"image COCO_val2014_0+1.jpg is missing; put it under val2014/ or images/"):
        TASK.load(folder)


@pytest.mark.parametrize("missing", ["answers", "questions"])
def test_answers_without_questions(copied: Copied, missing: str) -> None:
    folder = copied("vqav2")
    pattern, key = ("*annotations.json", "annotations") if missing == "answers" else ("*questions.json", "questions")
    path = next(folder.glob(pattern))
    data = json.loads(path.read_text())
    gone = data[key].pop()
    put(path, data)
    said = "questions have no answer" if missing == "answers" else "answers have no question"
    with pytest.raises(InputError, match=f"1 {said}, {gone['question_id']} for one"):
        TASK.load(folder)


def test_mismatched_ids(copied: Copied) -> None:
    folder = copied("vqav2")
    path = next(folder.glob("*annotations.json"))
    data = json.loads(path.read_text())
    data["annotations"][0]["image_id"] = 99
    put(path, data)
    with pytest.raises(InputError, match="question 1000 is about image 1, its answers about 99"):
        TASK.load(folder)
    data["annotations"][0] = data["annotations"][1]
    put(path, data)
    with pytest.raises(InputError, match="id 1001 occurs twice"):
        TASK.load(folder)
