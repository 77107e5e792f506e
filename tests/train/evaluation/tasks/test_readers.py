"""Every task reads its official files, and says what is wrong with them in one line."""

import json
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers import official
from train.evaluation.metrics.boxes import Box
from train.evaluation.tasks import TASKS, task_named


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return official.world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def copied(world, tmp_path):
    """A task's folder of its own, to damage."""

    def copy(task: str) -> Path:
        for path in (world / task).rglob("*"):
            if path.is_file():
                target = tmp_path / path.relative_to(world / task)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        return tmp_path

    return copy


@pytest.mark.parametrize(
    ("task", "items", "groups"),
    [
        ("vqav2", 12, {"other", "number", "yes/no"}),
        ("gqa", 12, {"query", "verify"}),
        ("pope", 18, {"random", "popular", "adversarial"}),
        ("questions", 12, {"colour", "shape", "existence", "side", "count"}),
    ],
)
def test_question_tasks(world, task, items, groups):
    found, files = TASKS[task].load(world if task == "questions" else world / task)
    assert len(found) == items
    assert {item.group for item in found} <= groups
    assert all(path.is_file() for path in files)
    for item in found:
        right = item.target[0] if isinstance(item.target, list) else item.target
        assert TASKS[task].score(item, right) == 1.0
        assert TASKS[task].score(item, "purple cow") == (1.0 if task == "pope" and item.target == "yes" else 0.0)


def test_refcoco(world):
    found, _ = TASKS["refcoco"].load(world / "refcoco")
    assert {item.group for item in found} == {"val", "testA", "testB"}
    said = [item.target.written() for item in found]
    assert [TASKS["refcoco"].score(item, box) for item, box in zip(found, said, strict=True)] == [1.0] * len(found)
    metrics = TASKS["refcoco"].metrics(found, ["[0.00, 0.00, 1.00, 1.00]"] + ["left"] * (len(found) - 1))
    assert metrics["boxes"] == pytest.approx(1 / len(found))
    assert 0 < metrics["mean_iou"] < 0.25


def test_vizwiz_textvqa_ocid(tmp_path):
    found, _ = TASKS["vizwiz"].load(official.vizwiz(tmp_path / "vizwiz"))
    assert [item.group for item in found] == ["unanswerable", "answerable"]
    assert [TASKS["vizwiz"].score(found[0], said) for said in ("Unanswerable", "soup")] == pytest.approx([1.0, 0.6])
    found, _ = TASKS["textvqa"].load(official.textvqa(tmp_path / "textvqa"))
    assert TASKS["textvqa"].score(found[0], "Dakota.") == 1.0
    found, _ = TASKS["ocid_ref"].load(official.ocid_ref(tmp_path / "ocid"))
    assert [item.group for item in found] == ["minimum clutter", "medium clutter", "maximum clutter"]
    assert found[0].target == Box(0.1, 0.1, 0.5, 0.5)
    assert TASKS["ocid_ref"].score(found[0], "[0.1, 0.1, 0.5, 0.25]") == 1.0
    assert TASKS["ocid_ref"].score(found[0], "[0.1, 0.1, 0.5, 0.15]") == 0.0
    metrics = TASKS["ocid_ref"].metrics(found, ["[0.1, 0.1, 0.5, 0.25]"] * 3)
    assert (metrics["accuracy_at_0.25"], metrics["accuracy_at_0.5"]) == (1.0, 0.0)


def test_unknown_task():
    with pytest.raises(InputError, match="no task 'vqa'; choose among vqav2, gqa"):
        task_named("vqa")


def test_missing_files_and_images(copied, tmp_path):
    with pytest.raises(InputError, match="no such file or folder; put the task's official files here"):
        TASKS["gqa"].load(tmp_path / "none")
    folder = copied("vqav2")
    next(folder.glob("val2014/*")).unlink()
    with pytest.raises(InputError, match=r"image COCO_val2014_0+1.jpg is missing; put it under val2014/ or images/"):
        TASKS["vqav2"].load(folder)


@pytest.mark.parametrize("missing", ["answers", "questions"])
def test_answers_without_questions(copied, missing):
    folder = copied("vqav2")
    pattern, key = ("*annotations.json", "annotations") if missing == "answers" else ("*questions.json", "questions")
    path = next(folder.glob(pattern))
    data = json.loads(path.read_text())
    gone = data[key].pop()
    path.write_text(json.dumps(data))
    said = "questions have no answer" if missing == "answers" else "answers have no question"
    with pytest.raises(InputError, match=f"1 {said}, {gone['question_id']} for one"):
        TASKS["vqav2"].load(folder)


def test_mismatched_ids(copied):
    folder = copied("vqav2")
    path = next(folder.glob("*annotations.json"))
    data = json.loads(path.read_text())
    data["annotations"][0]["image_id"] = 99
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="question 1000 is about image 1, its answers about 99"):
        TASKS["vqav2"].load(folder)
    data["annotations"][0] = data["annotations"][1]
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="id 1001 occurs twice"):
        TASKS["vqav2"].load(folder)


def test_damaged_files(copied):
    folder = copied("pope")
    path = folder / "coco_pope_random.json"
    path.write_text(path.read_text() + '{"question_id": 9, "image": "x.jpg", "text": "?", "label": "maybe"}\n')
    with pytest.raises(InputError, match=r"coco_pope_random.json:7: label: question 9: 'maybe' is neither yes nor no"):
        TASKS["pope"].load(folder)
    path.write_text("not json\n")
    with pytest.raises(InputError, match=r"coco_pope_random.json:1: not a POPE question"):
        TASKS["pope"].load(folder)


def test_references_to_nowhere(copied):
    folder = copied("refcoco")
    data = json.loads((folder / "instances.json").read_text())
    data["annotations"].pop(0)
    (folder / "instances.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"reference 0 names an annotation that is not in instances\.json"):
        TASKS["refcoco"].load(folder)


def test_gqa_without_answers(copied):
    folder = copied("gqa")
    path = next(folder.glob("*questions.json"))
    data = json.loads(path.read_text())
    for row in data.values():
        del row["answer"]
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="a split without answers"):
        TASKS["gqa"].load(folder)
    path.write_text("[{]")
    with pytest.raises(InputError, match=r"questions.json:1: not JSON"):
        TASKS["gqa"].load(folder)
