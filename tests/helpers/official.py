"""Small official folders of every task, written by hand where the sample world has none."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from demo.world import held_out
from train.evaluation.task import Item, Task

SCENES = 3


def world(folder: Path) -> Path:
    """The sample world's held-out folder: vqav2, gqa, pope, refcoco and questions."""
    held_out.write(folder, held_out.scenes(SCENES, 5), 5)
    return folder / "held_out"


def assert_official_folder(task: Task, folder: Path, *, count: int, groups: set[str]) -> list[Item]:
    """Checks that a task of questions reads its folder, takes right answers for right and others for wrong."""
    items, files = task.load(folder)
    assert len(items) == count
    assert {item.group for item in items} <= groups
    assert files
    assert all(path.is_file() for path in files)
    for item in items:
        right = item.target[0] if isinstance(item.target, list) else item.target
        assert (task.score(item, right), task.score(item, "purple cow")) == (1.0, 0.0)
    return items


def put(path: Path, data: object) -> Path:
    """Writes JSON, in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def picture(path: Path, size: tuple[int, int] = (40, 30)) -> None:
    """Writes an image of one colour, in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 30)).save(path)


def vizwiz(folder: Path) -> Path:
    picture(folder / "val/VizWiz_val_00000000.jpg")
    picture(folder / "val/VizWiz_val_00000001.jpg")
    people = [{"answer": "soup", "answer_confidence": "yes"}] * 2 + [{"answer": "unanswerable"}] * 8
    rows = [
        {"image": f"VizWiz_val_0000000{n}.jpg", "question": "What is this?", "answers": people, "answerable": n}
        for n in range(2)
    ]
    (folder / "val.json").write_text(json.dumps(rows))
    return folder


def textvqa(folder: Path) -> Path:
    picture(folder / "train_images/abc.jpg")
    row = {"question_id": 34602, "image_id": "abc", "question": "what brand is this?", "answers": ["dakota"] * 10}
    (folder / "TextVQA_0.5.1_val.json").write_text(json.dumps({"dataset_type": "val", "data": [row]}))
    return folder


def ocid_ref(folder: Path) -> Path:
    scene = "ARID20/floor/top/seq05/rgb/result_1.png"
    picture(folder / scene, (640, 480))
    rows = {
        str(n): {"scene_path": scene, "sentence": "the mug", "bbox": "[64, 48, 320, 240]", "take_id": take}
        for n, take in enumerate((2, 12, 20))
    }
    (folder / "val_expressions.json").write_text(json.dumps(rows))
    return folder
