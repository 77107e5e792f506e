"""Tests of TextVQA's reader: the OCR files that lie beside the questions are not read."""

from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers import official
from tests.helpers.official import picture, put
from train.evaluation.tasks.textvqa import TASK


def test_items_of_the_official_folder(tmp_path: Path) -> None:
    (item,), _ = TASK.load(official.textvqa(tmp_path))
    assert (item.id, item.question) == ("34602", "what brand is this?")
    assert [TASK.score(item, said) for said in ("Dakota.", "nokia")] == [1.0, 0.0]


def test_the_usual_file_is_read_among_those_of_the_release(tmp_path: Path) -> None:
    """The Rosetta file fits the questions' pattern too, and holds none."""
    row = {"question_id": 1, "image_id": "a", "question": "what?", "answers": ["x"] * 10, "image_classes": ["Bus"]}
    for name in ("train", "val"):
        put(tmp_path / f"TextVQA_0.5.1_{name}.json", {"dataset_type": name, "data": [row]})
    for name in ("train", "val", "test"):
        put(tmp_path / f"TextVQA_Rosetta_OCR_v0.2_{name}.json", {"data": [{"image_id": "a", "ocr_tokens": []}]})
    put(tmp_path / "TextVQA_0.5.1_test.json", {"data": [{"question_id": 1, "image_id": "a", "question": "what?"}]})
    picture(tmp_path / "train_images/a.jpg")
    items, read = TASK.load(tmp_path)
    assert [path.name for path in read] == ["TextVQA_0.5.1_val.json"]
    assert len(items) == 1
    for name in ("train", "val"):
        (tmp_path / f"TextVQA_0.5.1_{name}.json").rename(tmp_path / f"TextVQA_0.6_{name}.json")
    with pytest.raises(
        InputError, match=r"3 files fit .*; name one: TASK=.*the usual choice is TextVQA_0.5.1_val.json"
    ):
        TASK.load(tmp_path)
