"""Tests of the reader of RefCOCO, RefCOCO+ and RefCOCOg, on folders that are shaped as their archives unpack."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers.official import picture, put
from train.evaluation.metrics.boxes import Box
from train.evaluation.tasks.refcoco import PLUS, TASK, G


def test_items_of_the_official_folder(held_out: Path) -> None:
    found, _ = TASK.load(held_out / "refcoco")
    assert {item.group for item in found} == {"val", "testA", "testB"}
    said = [item.target.written() for item in found]
    assert [TASK.score(item, box) for item, box in zip(found, said, strict=True)] == [1.0] * len(found)
    metrics = TASK.metrics(found, ["[0.00, 0.00, 1.00, 1.00]"] + ["left"] * (len(found) - 1))
    assert metrics["boxes"] == pytest.approx(1 / len(found))
    assert 0 < metrics["mean_iou"] < 0.25


def refer(folder: Path, splits: dict[str, tuple[str, ...]]) -> Path:
    """A folder as `refcoco*.zip` unpacks: one pickle for each way to split, one `instances.json`."""
    count = max(len(names) for names in splits.values())
    names = [f"COCO_train2014_{n:012d}.jpg" for n in range(count)]
    put(folder / "instances.json", {
        "info": {}, "licenses": [], "categories": [{"id": 1, "name": "person", "supercategory": "person"}],
        "images": [{"id": n, "file_name": names[n], "width": 640, "height": 480, "license": 1} for n in range(count)],
        "annotations": [{"id": 7 + n, "image_id": n, "category_id": 1, "iscrowd": 0, "area": 9.0,
                         "segmentation": [[1.0, 2.0]], "bbox": [64.0, 48.0, 128.5, 96.25]} for n in range(count)],
    })  # fmt: skip
    for way, of in splits.items():
        refs = [{"sent_ids": [n], "file_name": names[n].replace(".jpg", "_7.jpg"), "ann_id": 7 + n, "ref_id": n,
                 "image_id": n, "split": split, "category_id": 1,
                 "sentences": [{"tokens": ["a"], "raw": "A", "sent_id": n, "sent": "a"}]}
                for n, split in enumerate(of)]  # fmt: skip
        (folder / f"refs({way}).p").write_bytes(pickle.dumps(refs, protocol=0))  # Python 2 wrote these
    for name in names:
        picture(folder.parent / "images/mscoco/images/train2014" / name, (640, 480))
    return folder


def test_refcoco_and_its_kin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unc, google, umd = ("train", "val", "testA", "testB"), ("train", "val", "test", "val"), ("train", "val", "test")
    folder = refer(tmp_path / "refcoco", {"unc": unc, "google": google})
    items, read = TASK.load(folder)
    assert [path.name for path in read] == ["refs(unc).p", "instances.json"]
    assert [item.group for item in items] == ["val", "testA", "testB"]
    assert items[0].target == pytest.approx(Box(0.1, 0.1, 192.5 / 640, 144.25 / 480))
    said = capsys.readouterr().err
    assert "refs(unc).p is read, refs(google).p left alone" in said
    assert "references that are not scored, by split: 1 of train" in said
    items, _ = TASK.load(folder / "refs(google).p")
    assert [item.group for item in items] == ["val", "test", "val"]
    items, read = G.load(refer(tmp_path / "refcocog", {"umd": umd, "google": google}))
    assert read[0].name == "refs(umd).p"
    assert [item.group for item in items] == ["val", "test"]
    assert len(PLUS.load(refer(tmp_path / "refcoco+", {"unc": unc}))[0]) == 3


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([64.0, 48.0, 0.0, 96.0], "has no area"),
        ([64.0, 48.0, 600.0, 96.0], "lies outside the image"),
        ([-5.0, 48.0, 60.0, 96.0], "lies outside the image"),
    ],
)
def test_boxes_out_of_bounds(tmp_path: Path, numbers: list[float], problem: str) -> None:
    folder = refer(tmp_path / "refcoco", {"unc": ("val",)})
    data = json.loads((folder / "instances.json").read_text())
    data["annotations"][0]["bbox"] = numbers
    put(folder / "instances.json", data)
    with pytest.raises(
        InputError, match=rf"instances.json: bbox: the box of reference 0 {problem}.*; use the official"
    ):
        TASK.load(folder)
    data["annotations"][0]["bbox"] = [-0.4, 0.0, 640.6, 480.5]  # rounded coordinates
    put(folder / "instances.json", data)
    assert TASK.load(folder)[0][0].target == Box(0, 0, 1, 1)


@pytest.mark.parametrize("part", ["annotation", "image"])
def test_references_to_nowhere(copied: Callable[[str], Path], part: str) -> None:
    folder = copied("refcoco")
    data = json.loads((folder / "instances.json").read_text())
    data[f"{part}s"].pop(0)
    put(folder / "instances.json", data)
    with pytest.raises(InputError, match=rf"reference 0 names an {part} that is not in instances\.json"):
        TASK.load(folder)


def test_a_file_of_training_references_alone_is_refused(tmp_path: Path) -> None:
    folder = refer(tmp_path / "refcoco", {"unc": ("train",)})
    with pytest.raises(InputError, match=r"no reference of the splits val, testA, testB, test; use refs\(unc\)\.p"):
        TASK.load(folder)
