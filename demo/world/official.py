"""The held-out questions in the official forms of VQAv2, GQA, POPE and RefCOCO, each a folder as its users have it.

What a form asks for beyond the world (answer types, question types, splits) is filled in sensibly; ten people always
agree. POPE's three splits differ as the real ones do: "random" asks for anything that is not there, "popular" for what
is common in the pictures, "adversarial" for things that share a colour or a shape with one that is there.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from common.plain_pickle import dumps
from demo.world.questions import Question
from demo.world.render import SIDE, encode, render
from demo.world.scene import COLOURS, SHAPES, Scene, Thing, stream

PEOPLE = 10
_TYPES = {"existence": "yes/no", "count": "number"}


def coco_name(subset: str, number: int) -> str:
    """File name of a COCO image."""
    return f"COCO_{subset}_{number:012d}.jpg"


def write(folder: Path, scenes: list[Scene], asked: list[list[Question]], seed: int) -> None:
    """Write the four folders below `folder`; `asked` has the questions on each scene, image ids start at 1."""
    pictures = [encode(render(scene), "JPEG", quality=90) for scene in scenes]
    _vqav2(folder / "vqav2", asked, pictures)
    _gqa(folder / "gqa", asked, pictures)
    _pope(folder / "pope", scenes, pictures, seed)
    _refcoco(folder / "refcoco", scenes, pictures)


def _images(folder: Path, pictures: list[bytes], subset: str | None) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures, 1):
        (folder / (coco_name(subset, number) if subset else f"{number}.jpg")).write_bytes(picture)


def _json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")


def _vqav2(folder: Path, asked: list[list[Question]], pictures: list[bytes]) -> None:
    _images(folder / "val2014", pictures, "val2014")
    questions: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, on_scene in enumerate(asked, 1):
        for number, question in enumerate(on_scene):
            ids = {"question_id": image_id * 1000 + number, "image_id": image_id}
            questions.append({**ids, "question": question.text})
            answers = [
                {"answer": question.answer, "answer_confidence": "yes", "answer_id": person + 1}
                for person in range(PEOPLE)
            ]
            annotations.append(
                {
                    **ids,
                    "question_type": " ".join(question.text.lower().split()[:2]),
                    "answer_type": _TYPES.get(question.kind, "other"),
                    "multiple_choice_answer": question.answer,
                    "answers": answers,
                }
            )
    common = {"data_type": "mscoco", "data_subtype": "val2014", "license": {"name": "generated"}, "info": {}}
    _json(
        folder / "v2_OpenEnded_mscoco_val2014_questions.json",
        {**common, "task_type": "Open-Ended", "questions": questions},
    )
    _json(folder / "v2_mscoco_val2014_annotations.json", {**common, "annotations": annotations})


def _gqa(folder: Path, asked: list[list[Question]], pictures: list[bytes]) -> None:
    _images(folder / "images", pictures, None)
    rows = {
        f"{image_id:04d}{number:02d}": {
            "question": question.text,
            "imageId": str(image_id),
            "answer": question.answer,
            "fullAnswer": f"The answer is {question.answer}.",
            "isBalanced": True,
            "types": {"structural": "verify" if question.kind == "existence" else "query", "detailed": question.kind},
        }
        for image_id, on_scene in enumerate(asked, 1)
        for number, question in enumerate(on_scene)
    }
    _json(folder / "testdev_balanced_questions.json", rows)


def _pope(folder: Path, scenes: list[Scene], pictures: list[bytes], seed: int) -> None:
    _images(folder / "val2014", pictures, "val2014")
    common = [name for name, _ in Counter(thing.name for scene in scenes for thing in scene.things).most_common()]
    for split in ("random", "popular", "adversarial"):
        lines: list[str] = []
        for image_id, scene in enumerate(scenes, 1):
            rng = stream(seed, "pope", split, image_id)
            there = rng.choice(scene.things)
            for name, label in ((there.name, "yes"), (_absent(rng, split, scene, there, common), "no")):
                row = {
                    "question_id": len(lines) + 1,
                    "image": coco_name("val2014", image_id),
                    "text": f"Is there a {name}?",
                    "label": label,
                }
                lines.append(json.dumps(row) + "\n")
        (folder / f"coco_pope_{split}.json").write_text("".join(lines), encoding="utf-8")


def _absent(rng: random.Random, split: str, scene: Scene, there: Thing, common: list[str]) -> str:
    present = {thing.name for thing in scene.things}
    if split == "popular":
        return next(name for name in common if name not in present)
    everything = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    options = [
        f"{colour} {shape}"
        for colour, shape in everything
        if split == "random" or (colour == there.colour) != (shape == there.shape)
    ]
    return rng.choice([name for name in options if name not in present])


def _refcoco(folder: Path, scenes: list[Scene], pictures: list[bytes]) -> None:
    _images(folder / "train2014", pictures, "train2014")
    refs: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, scene in enumerate(scenes, 1):
        name = coco_name("train2014", image_id)
        images.append({"id": image_id, "file_name": name, "width": SIDE, "height": SIDE})
        for thing in scene.things:
            number = len(refs)
            annotations.append(
                {"id": number + 1, "image_id": image_id, "category_id": 1, "bbox": list(map(float, box(thing)))}
            )
            refs.append(
                {
                    "ref_id": number,
                    "ann_id": number + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "file_name": name.replace(".jpg", f"_{number}.jpg"),
                    "split": ("val", "testA", "testB")[image_id % 3],
                    "sent_ids": [number],
                    "sentences": [
                        {"sent_id": number, "sent": thing.name, "raw": thing.name, "tokens": thing.name.split()}
                    ],
                }
            )
    (folder / "refs(unc).p").write_bytes(dumps(refs))
    _json(folder / "instances.json", {"images": images, "annotations": annotations, "categories": [{"id": 1}]})


def box(thing: Thing) -> tuple[int, int, int, int]:
    """[x, y, width, height] of a thing in its picture, in pixels."""
    quarter = SIDE // 4
    x = (quarter if thing.column == "left" else SIDE - quarter) + thing.shift[0]
    y = (quarter if thing.row == "top" else SIDE - quarter) + thing.shift[1]
    half = thing.size // 2
    return x - half, y - half, 2 * half, 2 * half
