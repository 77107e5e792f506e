"""Readers on file sets that are named and shaped as the official archives are once they are unpacked."""

import json
import pickle
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers.official import picture
from train.evaluation import official_files
from train.evaluation.metrics.boxes import Box
from train.evaluation.tasks import TASKS


@pytest.fixture(autouse=True)
def every_line_again():
    official_files.say.cache_clear()


def put(path: Path, data) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


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


def test_refcoco_and_its_kin(tmp_path, capsys):
    unc, google, umd = ("train", "val", "testA", "testB"), ("train", "val", "test", "val"), ("train", "val", "test")
    folder = refer(tmp_path / "refcoco", {"unc": unc, "google": google})
    items, read = TASKS["refcoco"].load(folder)
    assert [path.name for path in read] == ["refs(unc).p", "instances.json"]
    assert [item.group for item in items] == ["val", "testA", "testB"]
    assert items[0].target == pytest.approx(Box(0.1, 0.1, 192.5 / 640, 144.25 / 480))
    said = capsys.readouterr().err
    assert "refs(unc).p is read, refs(google).p left alone" in said
    assert "references that are not scored, by split: 1 of train" in said
    items, _ = TASKS["refcoco"].load(folder / "refs(google).p")
    assert [item.group for item in items] == ["val", "test", "val"]
    items, read = TASKS["refcocog"].load(refer(tmp_path / "refcocog", {"umd": umd, "google": google}))
    assert read[0].name == "refs(umd).p"
    assert [item.group for item in items] == ["val", "test"]
    assert len(TASKS["refcoco+"].load(refer(tmp_path / "refcoco+", {"unc": unc}))[0]) == 3


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([64.0, 48.0, 0.0, 96.0], "has no area"),
        ([64.0, 48.0, 600.0, 96.0], "lies outside the image"),
        ([-5.0, 48.0, 60.0, 96.0], "lies outside the image"),
    ],
)
def test_boxes_out_of_bounds(tmp_path, numbers, problem):
    folder = refer(tmp_path / "refcoco", {"unc": ("val",)})
    data = json.loads((folder / "instances.json").read_text())
    data["annotations"][0]["bbox"] = numbers
    put(folder / "instances.json", data)
    with pytest.raises(
        InputError, match=rf"instances.json: bbox: the box of reference 0 {problem}.*; use the official"
    ):
        TASKS["refcoco"].load(folder)
    data["annotations"][0]["bbox"] = [-0.4, 0.0, 640.6, 480.5]  # rounded coordinates
    put(folder / "instances.json", data)
    assert TASKS["refcoco"].load(folder)[0][0].target == Box(0, 0, 1, 1)


def test_vizwiz(tmp_path, capsys):
    """Annotations.zip has three files; test.json has no answers."""
    row = {"image": "VizWiz_val_00000000.jpg", "question": "What is this?", "answer_type": "other", "answerable": 1,
           "answers": [{"answer_confidence": "yes", "answer": "soup"}] * 10}  # fmt: skip
    for name in ("train", "val"):
        put(tmp_path / f"Annotations/{name}.json", [{**row, "image": row["image"].replace("val", name)}])
        picture(tmp_path / name / row["image"].replace("val", name))
    put(tmp_path / "Annotations/test.json", [{"image": "VizWiz_test_00000000.jpg", "question": "What?"}])
    items, read = TASKS["vizwiz"].load(tmp_path)
    assert read == [tmp_path / "Annotations/val.json"]
    assert items[0].image.samefile(tmp_path / "val/VizWiz_val_00000000.jpg")
    assert "val.json is read, test.json, train.json left alone" in capsys.readouterr().err
    items, _ = TASKS["vizwiz"].load(tmp_path / "Annotations/train.json")
    assert items[0].id == "VizWiz_train_00000000.jpg"
    picture(tmp_path / "test/VizWiz_test_00000000.jpg")
    with pytest.raises(InputError, match=r"test.json: answers: .*split without answers"):
        TASKS["vizwiz"].load(tmp_path / "Annotations/test.json")


def test_textvqa(tmp_path):
    """The Rosetta file fits the questions' pattern too, and holds none."""
    row = {"question_id": 1, "image_id": "a", "question": "what?", "answers": ["x"] * 10, "image_classes": ["Bus"]}
    for name in ("train", "val"):
        put(tmp_path / f"TextVQA_0.5.1_{name}.json", {"dataset_type": name, "data": [row]})
    for name in ("train", "val", "test"):
        put(tmp_path / f"TextVQA_Rosetta_OCR_v0.2_{name}.json", {"data": [{"image_id": "a", "ocr_tokens": []}]})
    put(tmp_path / "TextVQA_0.5.1_test.json", {"data": [{"question_id": 1, "image_id": "a", "question": "what?"}]})
    picture(tmp_path / "train_images/a.jpg")
    items, read = TASKS["textvqa"].load(tmp_path)
    assert [path.name for path in read] == ["TextVQA_0.5.1_val.json"]
    assert len(items) == 1
    for name in ("train", "val"):
        (tmp_path / f"TextVQA_0.5.1_{name}.json").rename(tmp_path / f"TextVQA_0.6_{name}.json")
    with pytest.raises(
        InputError, match=r"3 files fit .*; name one: TASK=.*the usual choice is TextVQA_0.5.1_val.json"
    ):
        TASKS["textvqa"].load(tmp_path)


def test_gqa(tmp_path, capsys):
    row = {"question": "Is it?", "imageId": "n1", "answer": "yes", "fullAnswer": "Yes.", "isBalanced": True,
           "types": {"structural": "verify", "semantic": "obj", "detailed": "existC"}}  # fmt: skip
    for name in ("testdev_balanced", "testdev_all", "val_balanced", "submission_all"):
        put(tmp_path / f"{name}_questions.json", {"1": row, "2": {**row, "isBalanced": False}})
    picture(tmp_path / "images/n1.jpg")
    items, read = TASKS["gqa"].load(tmp_path)
    assert [path.name for path in read] == ["testdev_balanced_questions.json"]
    assert len(items) == 1
    assert "1 questions that are not balanced are left out" in capsys.readouterr().err
    assert TASKS["gqa"].load(tmp_path / "val_balanced_questions.json")[1][0].name == "val_balanced_questions.json"


def test_vqav2(tmp_path):
    for subset, image in (("train2014", 9), ("val2014", 42)):
        question = {"question_id": image * 1000, "image_id": image, "question": "What?"}
        answers = [{"answer": "x", "answer_confidence": "yes", "answer_id": n} for n in range(1, 11)]
        put(tmp_path / f"v2_OpenEnded_mscoco_{subset}_questions.json",
            {"data_subtype": subset, "questions": [question]})  # fmt: skip
        put(tmp_path / f"v2_mscoco_{subset}_annotations.json",
            {"annotations": [{**question, "answers": answers, "answer_type": "other"}]})  # fmt: skip
        picture(tmp_path / f"{subset}/COCO_{subset}_{image:012d}.jpg")
    assert [item.id for item in TASKS["vqav2"].load(tmp_path)[0]] == ["42000"]
    items, read = TASKS["vqav2"].load(tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json")
    assert [item.id for item in items] == ["9000"]
    assert read[1].name == "v2_mscoco_train2014_annotations.json"


@pytest.mark.parametrize("form", ["lines", "list"])
@pytest.mark.parametrize("name", ["coco_pope_{}.json", "gqa_pope_seem_{}.json"])
def test_pope(tmp_path, form, name):
    """COCO's files are JSON lines; those of the SEEM variants are JSON lists."""
    for split in ("random", "popular", "adversarial"):
        rows = [{"question_id": n, "image": "a.jpg", "text": "Is there a dog?", "label": label}
                for n, label in enumerate(("yes", "no"), 1)]  # fmt: skip
        text = json.dumps(rows, indent=4) if form == "list" else "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name.format(split)).write_text(text)
    picture(tmp_path / "images/a.jpg")
    items, read = TASKS["pope"].load(tmp_path)
    assert (len(items), len(read)) == (6, 3)
    assert {item.choices for item in items} == {("Yes", "No")}
    assert [TASKS["pope"].score(items[0], said) for said in items[0].choices] == [1.0, 0.0]
    assert len(TASKS["pope"].load(tmp_path / name.format("popular"))[0]) == 2
    assert TASKS["pope"].metrics(items, ["Yes"] * 6)["mean_of_splits"] == 0.5


def ocid(folder: Path, boxes: list[list[int]]) -> Path:
    scene = "ARID20/floor/top/seq06/rgb/result_2018-08-20-11-37-31.png"
    picture(folder / "OCID-dataset" / scene, (640, 480))
    for split in ("train", "val", "test"):
        put(folder / f"{split}_expressions.json", {
            str(n): {"scene_path": scene, "sentence": "the mug", "bbox": json.dumps(box), "take_id": 3, "scene_id": 1}
            for n, box in enumerate(boxes)
        })  # fmt: skip
    return folder


def test_ocid_ref(tmp_path, capsys):
    """All boxes of a file say together whether they are corners or, as the release's notes have it, sizes."""
    items, read = TASKS["ocid_ref"].load(ocid(tmp_path / "corners", [[64, 48, 320, 240], [400, 300, 640, 480]]))
    assert [path.name for path in read] == ["val_expressions.json"]
    assert [item.target for item in items] == [Box(0.1, 0.1, 0.5, 0.5), Box(0.625, 0.625, 1.0, 1.0)]
    sizes = ocid(tmp_path / "sizes", [[64, 48, 320, 240], [400, 300, 100, 100]])
    expected = [Box(0.1, 0.1, 0.6, 0.6), Box(0.625, 0.625, 500 / 640, 400 / 480)]
    assert [item.target for item in TASKS["ocid_ref"].load(sizes)[0]] == expected
    assert "read as x, y, width, height (as corners, 1 would not fit)" in capsys.readouterr().err
    neither = ocid(tmp_path / "neither", [[64, 48, 320, 240], [400, 300, 390, 480]])
    with pytest.raises(InputError, match=r"bbox: 1 boxes are no corners within their image, expression 1 for one"):
        TASKS["ocid_ref"].load(neither)
