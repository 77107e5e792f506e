"""The page shows questions of every kind, right and wrong ones, with the answers that were given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import InputError
from demo.questions_shown import choose
from schemas.results import Prediction, TaskResult


def write_scores(folder: Path, name: str, answers: list[str], kinds: list[str]) -> None:
    rows = [
        Prediction(id=str(n), group=kind, prediction=answer, target="red", score=float(answer == "red"))
        for n, (answer, kind) in enumerate(zip(answers, kinds, strict=True))
    ]
    result = TaskResult(
        task="questions", metric="accuracy", score=0.5, chance=0.4, items=len(rows), standard_error=0,
        answers_by="likelihood", identity="", files={}, predictions=rows,
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(result.model_dump_json())


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    kinds = ["colour"] * 5 + ["side"]
    write_scores(tmp_path / "seeing", "questions.json", ["red", "blue", "red", "red", "blue", "red"], kinds)
    write_scores(tmp_path / "blind", "questions-blind.json", ["blue"] * 6, kinds)
    folder = tmp_path / "held_out"
    folder.mkdir()
    asked = [{"question_id": n, "image": f"{n}.jpg", "question": f"what of {n}?"} for n in range(6)]
    (folder / "questions.json").write_text(json.dumps(asked))
    for n in range(6):
        (folder / f"{n}.jpg").write_bytes(b"picture")
    return folder


def test_right_ones_first_then_wrong_ones_of_each_kind(held_out: Path, tmp_path: Path) -> None:
    found = choose(held_out, tmp_path / "seeing", tmp_path / "blind", each=2)
    assert [(one.question, one.right) for one in found["colour"]] == [
        ("what of 0?", True), ("what of 2?", True), ("what of 1?", False), ("what of 4?", False),
    ]  # fmt: skip
    assert [one.question for one in found["side"]] == ["what of 5?"]
    assert found["colour"][2].caption.splitlines() == [
        "what of 1?", "right answer: red", "with images: blue ✗", "text only: blue ✗",
    ]  # fmt: skip
    assert found["side"][0].picture.startswith("data:image/jpeg;base64,")


def test_a_world_without_its_questions_is_refused(tmp_path: Path, held_out: Path) -> None:
    (held_out / "questions.json").unlink()
    with pytest.raises(InputError, match="cannot read the questions"):
        choose(held_out, tmp_path / "seeing", tmp_path / "blind")
