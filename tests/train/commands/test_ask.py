"""`ask` answers as `evaluate` does, from the command line, with a picture or without."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.checkpoints import PATCH, checkpoint
from tests.helpers.commands import assert_refused
from train.__main__ import main
from train.evaluation.predict import Settings, predict, read_predictions
from train.evaluation.scored_model import open_subject
from train.evaluation.task import Item


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("ask"), encoder=PATCH)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "red.png"
    Image.new("RGB", (20, 30), (255, 0, 0)).save(path)
    return path


@pytest.mark.parametrize("seen", [True, False])
def test_the_answer_is_evaluates(
    model: Path, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], seen: bool
) -> None:
    image = picture if seen else None
    item = Item("other", "What colour?", None, image)
    predict(open_subject(model), {7: item}, Settings(blind=not seen), "", 8, tmp_path / "answers")
    asked = [str(picture)] if seen else []
    assert main(["ask", str(model), *asked, "What colour?", "--max-tokens", "8"]) == 0
    said = capfd.readouterr()
    assert said.out == read_predictions([tmp_path / "answers"])[7] + "\n"
    assert "after" in said.err


def test_the_likeliest_choice_is_one_of_them(model: Path, picture: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", str(model), str(picture), "What colour?", "--choices", "red", "blue"]) == 0
    assert capfd.readouterr().out in ("red\n", "blue\n")


def test_what_cannot_be_asked_is_one_line(model: Path, picture: Path, tmp_path: Path) -> None:
    assert_refused(main, ["ask", str(tmp_path), "What?"], match="no checkpoint|checkpoint")
    assert_refused(main, ["ask", str(model), str(tmp_path / "no.png"), "What?"], match="no.png: cannot use the image")
    assert_refused(
        main, ["ask", str(model), str(picture), "What?", "--choices", "red"], match="one choice is no choice"
    )
