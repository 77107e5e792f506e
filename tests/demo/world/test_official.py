"""Official forms: the same questions, the right pictures, boxes around what they name."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from common.plain_pickle import dumps
from demo.world import held_out
from demo.world.render import PALETTE
from demo.world.world import Options


def test_the_pickle_is_a_pickle() -> None:
    data = [{"a": 1, "b": [-2, 3.5, "ü"], "c": {}}, []]
    assert pickle.loads(dumps(data)) == data  # noqa: S301 - written a line above


def test_vqav2_and_gqa_ask_the_held_out_questions(world_root: Path) -> None:
    folder = world_root / "held_out"
    plain = [(row["question"], row["answer"]) for row in json.loads((folder / "questions.json").read_text())]
    questions = json.loads((folder / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json").read_text())["questions"]
    annotations = json.loads((folder / "vqav2/v2_mscoco_val2014_annotations.json").read_text())["annotations"]
    assert [(q["question"], a["answers"][9]["answer"]) for q, a in zip(questions, annotations, strict=True)] == plain
    assert all(len(annotation["answers"]) == 10 for annotation in annotations)
    gqa = json.loads((folder / "gqa/testdev_balanced_questions.json").read_text())
    assert [(row["question"], row["answer"]) for row in gqa.values()] == plain


def test_pope_is_level_and_true(world_root: Path, options: Options) -> None:
    scenes = held_out.scenes(options.held_out, options.seed)
    for split in ("random", "popular", "adversarial"):
        lines = (world_root / f"held_out/pope/coco_pope_{split}.json").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert Counter(row["label"] for row in rows) == {"yes": len(scenes), "no": len(scenes)}
        for row in rows:
            scene = scenes[int(row["image"][-16:-4]) - 1]
            assert any(thing.name in row["text"] for thing in scene.things) == (row["label"] == "yes")


def test_refcoco_boxes_hold_their_things(world_root: Path, options: Options) -> None:
    folder = world_root / "held_out/refcoco"
    refs = pickle.loads((folder / "refs(unc).p").read_bytes())  # noqa: S301 - our own world's
    instances = json.loads((folder / "instances.json").read_text())
    boxes = {row["id"]: row["bbox"] for row in instances["annotations"]}
    names = {row["id"]: row["file_name"] for row in instances["images"]}
    assert {ref["split"] for ref in refs} == {"val", "testA", "testB"}
    for ref in refs[:30]:
        colour = ref["sentences"][0]["sent"].split()[0]
        with Image.open(folder / "train2014" / names[ref["image_id"]]) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        near = np.abs(pixels - PALETTE[colour]).max(-1) < 60
        x, y, width, height = (int(value) for value in boxes[ref["ann_id"]])
        inside = near[y : y + height, x : x + width]
        assert inside.sum() > 0.9 * near.sum() > 0
        assert inside.mean() > 0.25
