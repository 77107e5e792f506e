"""`evaluate --tasks`: the same answers whatever the batch, after a kill, with several processes, from an export."""

import json
import multiprocessing
import shutil
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from common.errors import InputError
from common.file_lock import exclusive
from schemas.results import Results, load_task
from schemas.score_preset import PAPER
from tests.helpers import official
from tests.helpers.checkpoints import PATCH, checkpoint
from tests.helpers.commands import assert_refused
from train.__main__ import main
from train.evaluation import official_files
from train.evaluation.predict import Settings, read_predictions
from train.evaluation.result_files import write_results
from train.evaluation.scored_model import open_subject
from train.evaluation.task_runner import evaluate_tasks
from train.evaluation.tasks import TASKS
from train.export.export_folder import export

BATCHED = ("vqav2", "refcoco")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A checkpoint with a patch encoder, and every task's folder."""
    folder = tmp_path_factory.mktemp("evaluate")
    checkpoint(folder, encoder=PATCH)
    held = official.world(folder)
    official.vizwiz(held / "vizwiz")
    official.textvqa(held / "textvqa")
    official.ocid_ref(held / "ocid_ref")
    return folder


def pairs(place: Path, *names: str) -> list[tuple[str, Path]]:
    return [(name, place / "held_out" / name) for name in names]


def test_every_task_through_the_command(place, tmp_path, capsys):
    names = ["vqav2", "gqa", "vizwiz", "textvqa", "refcoco", "ocid_ref", "pope"]
    argv = [
        "evaluate",
        str(place / "out"),
        "--data",
        str(place / "held_out"),
        "--limit",
        "3",
        "-o",
        str(tmp_path / "scores"),
    ]
    assert main([*argv, "--tasks", *names, f"questions={place / 'held_out'}"]) == 0
    printed = capsys.readouterr().out
    results = Results.load(tmp_path / "scores")
    assert set(results.tasks) == {*names, "questions"}
    assert results.model.position == 8
    assert len(results.model.digest) == 64
    assert set(results.tasks["pope"].metrics) >= {"f1", "yes_ratio", "random/accuracy"}
    assert results.tasks["pope"].chance == 0.5
    assert results.tasks["questions"].answers_by == "likelihood"
    for name in names:
        told = load_task(tmp_path / "scores", name)
        assert len(told.predictions) == told.items
        assert f"{name}: {told.metric}" in printed
        assert told.score == pytest.approx(sum(one.score for one in told.predictions) / told.items)
    before = {path.name: path.read_bytes() for path in (tmp_path / "scores").glob("*.json")}
    assert main([*argv, "--tasks", *names]) == 0
    assert "vqav2: done before" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "scores").glob("*.json")} == before
    assert_refused(
        main,
        [*argv, "--tasks", "gqa", "--rule", "letter"],
        match="results of 'gqa' for another model, other files or other settings",
    )
    assert main([*argv, "--tasks", "gqa", "--blind"]) == 0
    both = Results.load(tmp_path / "scores")
    assert (set(both.blind), both.tasks["gqa"]) == ({"gqa"}, results.tasks["gqa"])
    assert load_task(tmp_path / "scores", "gqa", blind=True).asked["blind"] is True
    assert main([*argv, "--tasks", "refcoco", "--only", "refcoco=val", "--box-frame", "square", "--blind"]) == 0
    found = load_task(tmp_path / "scores", "refcoco", blind=True)
    assert {one.group for one in found.predictions} == {"val"}
    assert found.asked == {
        "blind": True, "bare": False, "limit": 3, "rule": "official", "frame": "square", "only": ["val"]
    }  # fmt: skip
    assert_refused(
        main,
        [*argv, "--tasks", "gqa", "--only", "gqa=x", "--rule", "letter"],
        match="--only: 'gqa' has no part x; choose among query, verify",
    )


def test_the_preset_asks_what_the_paper_averages(place, tmp_path):
    argv = ["evaluate", str(place / "out"), "--tasks", "paper", "--rule", "vlm-evaluation", "--by", "likelihood"]
    argv += ["--only", "refcoco=val", "--data", str(place / "held_out"), "--limit", "2", "-o", str(tmp_path / "s")]
    assert main(argv) == 0
    results = Results.load(tmp_path / "s")
    assert set(results.tasks) == {"vqav2", "gqa", "vizwiz", "textvqa", "refcoco", "ocid_ref", "pope"}
    assert results.tasks["refcoco"].asked["only"] == ["val"]
    assert results.tasks["pope"].answers_by == "likelihood"
    assert set(results.presets["paper"]) == {"vision"}
    assert results.presets["paper"]["vision"] == PAPER.of(tmp_path / "s", "vision")
    assert "rule/official" in results.tasks["vqav2"].metrics


@pytest.fixture(scope="module")
def alone(place, tmp_path_factory):
    """Answers of batch size 1."""
    out = tmp_path_factory.mktemp("alone")
    evaluate_tasks(open_subject(place / "out"), pairs(place, *BATCHED), out, Settings(batch_size=1))
    return {name: load_task(out, name) for name in BATCHED}


@pytest.mark.parametrize("size", [5, 64])
def test_answers_do_not_depend_on_the_batch(place, alone, tmp_path, size):
    evaluate_tasks(open_subject(place / "out"), pairs(place, *BATCHED), tmp_path, Settings(batch_size=size))
    for name, expected in alone.items():
        assert load_task(tmp_path, name) == expected
    assert len({one.prediction for one in alone["vqav2"].predictions}) > 1


def test_likelihood_does_not_depend_on_the_batch(place, tmp_path):
    said = []
    for size in (1, 64):
        settings = Settings(batch_size=size, by="likelihood")
        evaluate_tasks(open_subject(place / "out"), pairs(place, "pope"), tmp_path / str(size), settings)
        said.append(load_task(tmp_path / str(size), "pope"))
    assert said[0] == said[1]
    assert {one.prediction for one in said[0].predictions} <= {"Yes", "No"}


def test_an_export_answers_as_its_checkpoint(place, alone, tmp_path):
    export(place / "out", tmp_path / "hf")
    evaluate_tasks(open_subject(tmp_path / "hf"), pairs(place, "vqav2"), tmp_path / "scores", Settings())
    found = load_task(tmp_path / "scores", "vqav2")
    assert found.predictions == alone["vqav2"].predictions


def test_interrupted_evaluation_goes_on(place, alone, tmp_path, monkeypatch):
    from train.evaluation import predict

    real, calls = predict.answer, []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(predict, "answer", failing)
    subject = open_subject(place / "out")
    with pytest.raises(KeyboardInterrupt):
        evaluate_tasks(subject, pairs(place, "vqav2"), tmp_path, Settings(batch_size=1))
    (work,) = (tmp_path / ".work").glob("*.jsonl")
    work.write_text(work.read_text() + '[5, "a torn li')
    done = len(read_predictions([work]))
    assert done == 3
    assert not list(tmp_path.glob("*.json"))
    evaluate_tasks(subject, pairs(place, "vqav2"), tmp_path, Settings(batch_size=1))
    assert len(calls) == 4 + 12 - done
    assert load_task(tmp_path, "vqav2") == alone["vqav2"]
    assert not list((tmp_path / ".work").glob("*.jsonl"))


@pytest.mark.soak
def test_several_processes_killed_and_started_again(place, alone, tmp_path):
    subject, tasks = open_subject(place / "out"), pairs(place, "refcoco")

    def evaluate() -> None:
        evaluate_tasks(subject, tasks, tmp_path, Settings(batch_size=1), processes=2)

    killed = multiprocessing.get_context("fork").Process(target=evaluate)
    killed.start()
    try:
        for _ in range(6000):
            there = read_predictions(sorted((tmp_path / ".work").glob("*.jsonl")))
            if there or killed.exitcode is not None:
                break
            time.sleep(0.05)
        children = psutil.Process(killed.pid).children(recursive=True)
    finally:
        killed.kill()
        killed.join()
    _, alive = psutil.wait_procs(children, timeout=120)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    assert there
    assert not list(tmp_path.glob("*.json"))
    evaluate()
    assert load_task(tmp_path, "refcoco") == alone["refcoco"]


def test_runs_that_share_official_files_read_them_once(place, tmp_path, monkeypatch):
    folder, read = tmp_path / "gqa", []
    shutil.copytree(place / "held_out/gqa", folder)
    real = official_files.read_json
    monkeypatch.setattr(official_files, "read_json", lambda path: read.append(path) or real(path))
    subject = open_subject(place / "out")
    for number, blind in enumerate((False, True, False)):
        settings = Settings(limit=1, blind=blind)
        evaluate_tasks(subject, [("gqa", folder)], tmp_path / str(number), settings)
    assert len(read) == 1
    (file,) = folder.glob("*.json")
    file.write_text(file.read_text() + " ")
    evaluate_tasks(subject, [("gqa", folder)], tmp_path / "3", Settings(limit=1))
    assert len(read) == 2


@pytest.mark.slow
def test_official_files_are_read_once_not_by_each_process(place, tmp_path, monkeypatch):
    """The task is known to this process alone: one that looked for it, or for its files, would fail."""
    monkeypatch.setitem(TASKS, "known_here", replace(TASKS["gqa"], name="known_here"))
    folder = tmp_path / "gqa"
    shutil.copytree(place / "held_out/gqa", folder)
    settings = Settings(limit=4)
    found = evaluate_tasks(open_subject(place / "out"), [("known_here", folder)], tmp_path / "s", settings, processes=2)
    assert found[0].items == 4


def test_one_evaluation_of_a_task_at_a_time(place, tmp_path):
    subject = open_subject(place / "out")
    lock = tmp_path / ".work/gqa.lock"
    with exclusive(lock, "test"), pytest.raises(InputError, match="another evaluation of 'gqa' runs in this folder"):
        evaluate_tasks(subject, pairs(place, "gqa"), tmp_path, Settings(limit=2))
    with exclusive(lock, "test"):
        found = evaluate_tasks(subject, pairs(place, "pope"), tmp_path, Settings(limit=2))
        write_results(subject, found, tmp_path, {})
    assert set(Results.load(tmp_path).tasks) == {"pope"}
    other = open_subject(checkpoint(tmp_path / "other"))
    with pytest.raises(InputError, match="results of another model are here; name another directory"):
        evaluate_tasks(other, pairs(place, "vqav2"), tmp_path, Settings(limit=2, blind=True))


def test_a_model_without_an_image_side(place, tmp_path):
    out = checkpoint(tmp_path)
    with pytest.raises(InputError, match="no image side; give --blind"):
        evaluate_tasks(open_subject(out), pairs(place, "gqa"), tmp_path / "scores", Settings())
    evaluate_tasks(open_subject(out), pairs(place, "gqa"), tmp_path / "scores", Settings(blind=True, limit=3))
    assert load_task(tmp_path / "scores", "gqa", blind=True).items == 3


def test_task_files_of_ones_own_that_are_not_there(place, tmp_path):
    argv = ["evaluate", str(place / "out"), "--text", "t", "--text-include", str(tmp_path / "none")]
    assert_refused(main, [*argv, "-o", str(tmp_path / "x")], match="--text-include: no such folder")


def test_a_damaged_image_is_named(place, tmp_path):
    held = official.world(tmp_path)
    picture = held / "gqa/images/2.jpg"
    picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(InputError, match=r"2.jpg: cannot use the image"):
        evaluate_tasks(open_subject(place / "out"), [("gqa", held / "gqa")], tmp_path / "s", Settings())
    assert json.loads((held / "gqa/testdev_balanced_questions.json").read_text())
