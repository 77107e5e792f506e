"""Tests of OCID-Ref's reader: groups of clutter, and boxes that a whole file has as corners or as sizes."""

import json
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers import official
from tests.helpers.official import picture, put
from train.evaluation.metrics.boxes import Box
from train.evaluation.tasks.ocid_ref import TASK


def test_items_of_the_official_folder(tmp_path: Path) -> None:
    found, _ = TASK.load(official.ocid_ref(tmp_path))
    assert [item.group for item in found] == ["minimum clutter", "medium clutter", "maximum clutter"]
    assert found[0].target == Box(0.1, 0.1, 0.5, 0.5)
    assert TASK.score(found[0], "[0.1, 0.1, 0.5, 0.25]") == 1.0
    assert TASK.score(found[0], "[0.1, 0.1, 0.5, 0.15]") == 0.0
    metrics = TASK.metrics(found, ["[0.1, 0.1, 0.5, 0.25]"] * 3)
    assert (metrics["accuracy_at_0.25"], metrics["accuracy_at_0.5"]) == (1.0, 0.0)


def test_a_damaged_scene(tmp_path: Path) -> None:
    folder = official.ocid_ref(tmp_path)
    scene = next(folder.rglob("*.png"))
    scene.write_bytes(scene.read_bytes()[:20])
    with pytest.raises(InputError, match=r"result_1.png: cannot use the image"):
        TASK.load(folder)


def ocid(folder: Path, boxes: list[list[int]]) -> Path:
    scene = "ARID20/floor/top/seq06/rgb/result_2018-08-20-11-37-31.png"
    picture(folder / "OCID-dataset" / scene, (640, 480))
    for split in ("train", "val", "test"):
        put(folder / f"{split}_expressions.json", {
            str(n): {"scene_path": scene, "sentence": "the mug", "bbox": json.dumps(box), "take_id": 3, "scene_id": 1}
            for n, box in enumerate(boxes)
        })  # fmt: skip
    return folder


def test_corners_or_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All boxes of a file say together whether they are corners or, as the release's notes have it, sizes."""
    items, read = TASK.load(ocid(tmp_path / "corners", [[64, 48, 320, 240], [400, 300, 640, 480]]))
    assert [path.name for path in read] == ["val_expressions.json"]
    assert [item.target for item in items] == [Box(0.1, 0.1, 0.5, 0.5), Box(0.625, 0.625, 1.0, 1.0)]
    sizes = ocid(tmp_path / "sizes", [[64, 48, 320, 240], [400, 300, 100, 100]])
    expected = [Box(0.1, 0.1, 0.6, 0.6), Box(0.625, 0.625, 500 / 640, 400 / 480)]
    assert [item.target for item in TASK.load(sizes)[0]] == expected
    assert "read as x, y, width, height (as corners, 1 would not fit)" in capsys.readouterr().err
    neither = ocid(tmp_path / "neither", [[64, 48, 320, 240], [400, 300, 390, 480]])
    with pytest.raises(InputError, match=r"bbox: 1 boxes are no corners within their image, expression 1 for one"):
        TASK.load(neither)
