"""Tests of multiple-choice questions, from the file to results: right answers, chance by kind, blind or not."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from schemas.results import Results, load_task
from tests.helpers.checkpoints import PATCH, checkpoint
from tests.helpers.official import assert_official_folder
from train.__main__ import main
from train.evaluation.task import Item
from train.evaluation.tasks.questions import TASK, load_questions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint at position 8, and two questions about one image."""
    checkpoint(tmp_path, encoder=PATCH)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "one.png")
    asked = {"image": "one.png", "question": "Is it?"}
    questions = [
        {**asked, "question_id": 0, "answer": "no", "choices": ["yes", "no"]},
        {**asked, "question_id": 1, "answer": "a", "choices": ["a", "b", "c"], "kind": "k"},
    ]
    (tmp_path / "questions.json").write_text(json.dumps(questions))
    return tmp_path


def test_items_of_the_sample_world(held_out: Path) -> None:
    assert_official_folder(TASK, held_out, count=12, groups={"colour", "shape", "existence", "side", "count"})


def test_the_command_writes_results(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["evaluate", str(folder / "out"), "--tasks", f"questions={folder}", "-o", str(folder / "scores")]
    assert main(argv) == 0
    told = Results.load(folder / "scores").tasks["questions"]
    assert (told.items, told.answers_by) == (2, "likelihood")
    assert told.chance == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert set(told.groups) == {"question", "k"}
    assert told.metrics == {"chance/k": pytest.approx(1 / 3), "chance/question": 0.5}
    assert "(chance 0.417)" in capsys.readouterr().out
    assert main([*argv, "--blind"]) == 0
    seeing, blind = (load_task(folder / "scores", "questions", blind=blind) for blind in (False, True))
    assert seeing == load_task(folder / "scores", "questions")
    assert (seeing.asked["blind"], blind.asked["blind"]) == (False, True)
    assert {row.prediction for row in blind.predictions} <= {"yes", "no", "a", "b", "c"}


def test_another_tokenizer_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text + " ")
    assert main(["evaluate", str(folder / "out"), "--tasks", f"questions={folder}", "-o", "x"]) == 2
    assert "did not make the data" in capsys.readouterr().err


def test_an_answer_is_right_as_the_file_spells_it() -> None:
    item = Item("1", "?", "no", choices=("yes", "no"))
    assert [TASK.score(item, said) for said in ("no", "yes", "No")] == [1, 0, 0]
    assert TASK.metrics([item, item], ["no", "no"]) == {}, "one group"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{]", "not JSON"),
        ("[]", "no questions"),
        ('[{"question_id": 1}]', "not a question file"),
        ('[{"question_id": 1, "question": "q", "answer": "z", "choices": ["a", "b"]}]', "not among its choices"),
    ],
)
def test_damaged_question_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "q.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_questions(tmp_path / "q.json")
    with pytest.raises(InputError, match="cannot read"):
        load_questions(tmp_path / "none.json")
