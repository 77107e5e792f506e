"""Held-out questions: right form, level answers, layouts that occur nowhere else."""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter, defaultdict
from pathlib import Path

import zstandard
from PIL import Image

from demo.world import held_out
from demo.world.questions import CHOICES
from demo.world.scene import COLOURS, SHAPES, Scene
from demo.world.world import Options, World

_PLACED = re.compile(rf"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)}) (?:in|at) the (top|upper|bottom|lower) (left|right)")
_ROWS = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}


def _scenes(options: Options) -> list[Scene]:
    return held_out.scenes(options.held_out, options.seed)


def test_questions(world_root: Path, world: World, options: Options) -> None:
    folder = world_root / "held_out"
    questions = json.loads((folder / "questions.json").read_text())
    assert len(questions) == world.counts.held_out_questions == 4 * options.held_out
    assert [question["question_id"] for question in questions] == list(range(len(questions)))
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for question in questions:
        assert question["needs_image"] is True
        assert question["choices"] == list(CHOICES[question["kind"]])
        assert question["answer"] in question["choices"]
        answers[question["kind"]][question["answer"]] += 1
    for kind, counts in answers.items():
        mean = counts.total() / len(CHOICES[kind])
        assert all(abs(counts[choice] - mean) <= 2 for choice in CHOICES[kind])
    for name in {question["image"] for question in questions}:
        Image.open(folder / name).load()
    assert len(list((folder / "images").iterdir())) == options.held_out


def test_layouts_are_distinct_and_unseen(world_root: Path, options: Options) -> None:
    layouts = {scene.layout for scene in _scenes(options)}
    assert len(layouts) == options.held_out
    texts = []
    for file in (world_root / "text").rglob("*.zst"):
        lines = zstandard.ZstdDecompressor().decompress(file.read_bytes()).splitlines()
        texts += [passage for line in lines for passage in re.split(r"[.:]", json.loads(line)["text"])]
    for path in (world_root / "pairs" / "dr").iterdir():
        with tarfile.open(path) as tar:
            members = [tar.extractfile(member) for member in tar if member.name.endswith(".syn.json")]
            texts += [caption for member in members if member for caption in json.loads(member.read())["syn_text"]]
    described = [
        frozenset((shape, colour, column, _ROWS[row]) for colour, shape, row, column in _PLACED.findall(text))
        for text in texts
    ]
    assert sum(len(layout) >= 2 for layout in described) > 100
    assert not layouts & set(described)


def test_captions_and_documents(world_root: Path, options: Options) -> None:
    captions = json.loads((world_root / "held_out" / "captions.json").read_text())
    assert len(captions) == options.held_out
    for row, scene in zip(captions, _scenes(options), strict=True):
        assert len(row["captions"]) == 5
        assert all(thing.name in " ".join(row["captions"]).lower() for thing in scene.things)
    shard = world_root / "held_out" / "text" / "shard_00000000_processed.jsonl.zst"
    lines = zstandard.ZstdDecompressor().decompress(shard.read_bytes()).splitlines()
    texts = {json.loads(line)["text"] for line in lines}
    assert len(texts) == held_out.DOCUMENTS
