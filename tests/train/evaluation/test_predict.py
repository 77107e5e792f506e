"""Tests of predictions on disk and of how items are put to the model: images, choices, instruction lines."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from common import json_lines
from tests.helpers.checkpoints import PATCH, checkpoint
from train.evaluation.predict import Settings, predict, read_predictions, threads_each
from train.evaluation.scored_model import Subject, open_subject
from train.evaluation.task import Item


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return open_subject(checkpoint(tmp_path_factory.mktemp("predict"), encoder=PATCH))


@pytest.fixture
def items(tmp_path: Path) -> dict[int, Item]:
    """Two questions on images of one colour, and one without an image; of each, two choices."""
    found = {}
    for number, colour in ((3, "red"), (5, "white")):
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"{colour}.png")
        found[number] = Item(str(number), "what?", "a", tmp_path / f"{colour}.png", choices=("a", "b"))
    return found | {9: Item("9", "and this?", "a", choices=("yes", "no"))}


def said(
    subject: Subject, items: dict[int, Item], out: Path, settings: Settings, *, instruction: str = "Be brief."
) -> dict[int, str]:
    out.unlink(missing_ok=True)
    predict(subject, items, settings, instruction, 6, out)
    return read_predictions([out])


def test_every_item_is_answered_by_its_number(subject: Subject, items: dict[int, Item], tmp_path: Path) -> None:
    found = said(subject, items, tmp_path / "x.jsonl", Settings(batch_size=2))
    assert found.keys() == items.keys()
    predict(subject, {3: items[3]}, Settings(), "Be brief.", 6, tmp_path / "x.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [line["item"] for line in lines].count(3) == 2, "a file is gone on with"


def test_settings_change_what_the_model_is_asked(subject: Subject, items: dict[int, Item], tmp_path: Path) -> None:
    place = tmp_path / "x.jsonl"
    seeing = said(subject, items, place, Settings())
    blind = said(subject, items, place, Settings(blind=True))
    assert seeing[3] != seeing[5], "the images differ"
    assert blind[3] == blind[5], "the questions do not"
    bare = said(subject, items, place, Settings(bare=True))
    assert bare == said(subject, items, place, Settings(), instruction="")
    assert bare != seeing


def test_choices_are_chosen_from_by_likelihood_alone(subject: Subject, items: dict[int, Item], tmp_path: Path) -> None:
    found = said(subject, items, tmp_path / "x.jsonl", Settings(by="likelihood"))
    assert all(answer in items[number].choices for number, answer in found.items())
    generated = said(subject, items, tmp_path / "x.jsonl", Settings())
    free = {number: replace(item, choices=()) for number, item in items.items()}
    assert said(subject, free, tmp_path / "x.jsonl", Settings(by="likelihood")) == generated


def test_what_is_no_line_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    first, other, changed, last = (
        json_lines.line(json.dumps({"item": number, "said": word}, ensure_ascii=False)).encode()
        for number, word in enumerate(("rouge é", "b", "c", "d"))
    )
    older = b'[9, "of an older release"]\n'
    file.write_bytes(first + b"\0" * 20 + b"\n" + older + other + changed.replace(b'"c"', b'"C"') + last[:-9])
    assert read_predictions([file]) == {0: "rouge é", 1: "b"}
    assert file.read_bytes().endswith(b"\n"), "the torn line is cut off"


def test_processes_share_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.evaluation.predict.torch.get_num_threads", lambda: 6)
    assert [threads_each(count) for count in (1, 2, 4, 8)] == [6, 3, 1, 1]
