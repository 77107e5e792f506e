"""Tests of VizWiz's reader: "unanswerable" is an answer, and of the archive's three files one is the usual."""

from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers import official
from tests.helpers.official import picture, put
from train.evaluation.tasks.vizwiz import TASK


def test_unanswerable_is_an_answer(tmp_path: Path) -> None:
    found, _ = TASK.load(official.vizwiz(tmp_path))
    assert [item.group for item in found] == ["unanswerable", "answerable"]
    assert [TASK.score(found[0], said) for said in ("Unanswerable", "soup")] == pytest.approx([1.0, 0.6])


def test_the_archive_of_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Annotations.zip has three files; test.json has no answers."""
    row = {"image": "VizWiz_val_00000000.jpg", "question": "What is this?", "answer_type": "other", "answerable": 1,
           "answers": [{"answer_confidence": "yes", "answer": "soup"}] * 10}  # fmt: skip
    for name in ("train", "val"):
        put(tmp_path / f"Annotations/{name}.json", [{**row, "image": f"VizWiz_{name}_00000000.jpg"}])
        picture(tmp_path / f"{name}/VizWiz_{name}_00000000.jpg")
    put(tmp_path / "Annotations/test.json", [{"image": "VizWiz_test_00000000.jpg", "question": "What?"}])
    items, read = TASK.load(tmp_path)
    assert read == [tmp_path / "Annotations/val.json"]
    assert items[0].image is not None
    assert items[0].image.samefile(tmp_path / "val/VizWiz_val_00000000.jpg")
    assert "val.json is read, test.json, train.json left alone" in capsys.readouterr().err
    items, _ = TASK.load(tmp_path / "Annotations/train.json")
    assert items[0].id == "VizWiz_train_00000000.jpg"
    picture(tmp_path / "test/VizWiz_test_00000000.jpg")
    with pytest.raises(InputError, match=r"test.json: answers: .*split without answers"):
        TASK.load(tmp_path / "Annotations/test.json")
