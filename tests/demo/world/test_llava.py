"""The conversations read as LLaVA's do, and their answers do not follow from the questions."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, UnidentifiedImageError

from demo.world import llava
from demo.world.questions import CHOICES, WORDINGS, called
from demo.world.scene import COLOURS, SHAPES, draw, stream
from demo.world.world import Options, World
from tests.helpers.true_captions import assert_true


@pytest.fixture(scope="module")
def rows(world_root: Path) -> list[dict[str, Any]]:
    return json.loads((world_root / "conversations" / "llava.json").read_text(encoding="utf-8"))


def test_rows(rows: list[dict[str, Any]], world: World, options: Options) -> None:
    assert len(rows) == options.conversations
    assert len({row["id"] for row in rows}) == len(rows)
    odd = {defect.key for defect in world.of_kind("leading_gpt", "unpaired_turns")}
    positions, rounds = Counter[str](), Counter[int]()
    for row in rows:
        turns = row["conversations"]
        if row["id"] in odd:
            continue
        assert [turn["from"] for turn in turns] == ["human", "gpt"] * (len(turns) // 2)
        rounds[len(turns) // 2] += 1
        markers = sum(turn["value"].count("<image>") for turn in turns)
        first = turns[0]["value"]
        if "image" not in row:
            assert markers == 0
            assert row["model"]
            continue
        assert markers == 1
        assert first.startswith("<image>\n") or first.endswith("\n<image>")
        positions["start" if first.startswith("<image>") else "end"] += 1
    assert rounds.keys() == {1, 2, 3, 4}
    assert min(positions.values()) > 0.3 * positions.total()
    assert sum("image" not in row for row in rows) == round(0.06 * options.conversations)
    assert world.counts.text_only_conversations == round(0.06 * options.conversations)


def test_images_and_defects(rows: list[dict[str, Any]], world: World, world_root: Path) -> None:
    defects = {defect.key: defect.kind for defect in world.defects if defect.release == "conversations"}
    assert set(defects.values()) == {
        "missing_image", "gif_named_jpg", "corrupt_image", "leading_gpt", "unpaired_turns",
    }  # fmt: skip
    for row in rows:
        if "image" not in row:
            continue
        kind = defects.get(row["id"])
        path = world_root / "conversations" / "images" / row["image"]
        assert path.exists() == (kind != "missing_image")
        if kind == "missing_image":
            continue
        if kind == "corrupt_image":
            with pytest.raises(UnidentifiedImageError):
                Image.open(path)
            continue
        with Image.open(path) as image:
            assert image.format == ("GIF" if kind == "gif_named_jpg" else "JPEG")
        senders = [turn["from"] for turn in row["conversations"]]
        assert (senders[0] == "gpt") == (kind == "leading_gpt")
        assert (senders[:2] == ["human", "human"]) == (kind == "unpaired_turns")


def test_the_answers_are_level(tmp_path: Path) -> None:
    """By kind and by wording, in the file as written, with the generator's default number of rows."""
    written = llava.write(tmp_path, Options().conversations, 7, frozenset())
    wording_of = {
        wording.format(*([name] * wording.count("{}"))): (kind, wording)
        for kind, wordings in WORDINGS.items()
        for wording in wordings
        for name in _names(kind)
    }
    answers: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    asked = described = 0
    for row in json.loads((tmp_path / "conversations" / "llava.json").read_text(encoding="utf-8")):
        if "image" not in row:
            continue
        turns = row["conversations"]
        for turn, answer in pairwise(turns):
            if (turn["from"], answer["from"]) == ("human", "gpt"):
                question = turn["value"].replace("<image>", "").strip()
                if question in llava.DESCRIBE:
                    described += 1
                    continue
                kind, wording = wording_of[question]
                assert answer["value"] in CHOICES[kind]
                answers[(kind,)][answer["value"]] += 1
                answers[kind, wording][answer["value"]] += 1
                asked += 1
    assert written.questions - asked == len([d for d in written.defects if d.kind == "unpaired_turns"])
    assert described > 0.25 * Options().conversations
    assert len(answers) == len(WORDINGS) + sum(map(len, WORDINGS.values()))
    for key, counts in answers.items():
        mean = counts.total() / len(CHOICES[key[0]])
        assert all(abs(counts[choice] - mean) <= 0.1 * mean for choice in CHOICES[key[0]]), (key, counts)


def test_descriptions_are_true_and_have_one_form() -> None:
    for number in range(200):
        scene = draw(stream(5, number))
        said = {request: llava.description(request, scene) for request in llava.DESCRIBE}
        for request in llava.DESCRIBE[:3]:
            assert_true(said[request], scene)
            assert all(thing.shape in said[request].lower() for thing in scene.things)
        assert said[llava.DESCRIBE[0]].count(" in the ") == len(scene.things)
        for request, names, there in (
            (llava.DESCRIBE[3], SHAPES, {thing.shape for thing in scene.things}),
            (llava.DESCRIBE[4], COLOURS, {thing.colour for thing in scene.things}),
        ):
            listed = dict(part.split() for part in said[request].lower().removesuffix(".").split(", "))
            assert listed == {name: "yes" if name in there else "no" for name in names}


def _names(kind: str) -> list[str]:
    colours, shapes = CHOICES["colour"], CHOICES["shape"]
    if kind == "existence":
        return [called(colour, shape) for colour in (*colours, None) for shape in (*shapes, None) if colour or shape]
    return list(colours if kind == "shape" else shapes)
