"""`train sweep`: trunks before branches, once each; a killed or failed call goes on."""

from pathlib import Path

import pytest

from common import yaml_file
from common.errors import InputError
from common.file_lock import exclusive
from schemas.results import Model, Results, TaskSummary
from schemas.run_log import steps
from schemas.sweep_file import SweepFile, SweepNode, SweepRun, Totals
from tests.helpers import synthetic
from tests.helpers.checkpoints import PATCH, SHAPE
from train.checkpoint import folder as checkpoint_folder
from train.evaluation.official_files import digest
from train.sweep.scoring import Scoring, is_scored
from train.sweep.worker_pool import Stretch, longest, read, work

SMALL = {**SHAPE, "width": 16, "head_width": 4, "heads": 4, "mlp_width": 24, "layers": 1}


def told(nodes: list[tuple[str, str | None, int]]) -> SweepFile:
    """A sweep of stretches (name, parent, samples at its end), with a run at each that starts from another or alone."""
    starts = {name: stop for name, _, stop in nodes}
    trunks = {parent for _, parent, _ in nodes}
    totals = Totals(tokens=1, gpu_hours=None, price=None)
    return SweepFile(
        with_sharing=totals,
        without_sharing=totals,
        runs=[
            SweepRun(name=name, settings={}, node=name, schedule="", tokens=stop)
            for name, _, stop in nodes
            if name not in trunks
        ],
        nodes=[
            SweepNode(
                id=name, parent=parent, start=starts[parent] if parent else 0, stop=stop, tokens=stop, gpu_hours=None,
                past="", runs=[], ends=[] if name in trunks else [name],
            )
            for name, parent, stop in nodes
        ],
    )  # fmt: skip


@pytest.fixture
def sweep(tmp_path) -> Path:
    """A trunk of 48 samples with two branches: the synthetic schedule to 64, and to 80 samples."""
    schedule = synthetic.schedule(tmp_path)
    nodes = []
    for name, parent, stop in (("trunk", None, 48), ("short", "trunk", 64), ("long", "trunk", 80)):
        folder = tmp_path / "sweep/nodes" / name
        folder.mkdir(parents=True)
        schedule.cut(stop).save(folder / "schedule.json")
        run = {
            "schedule": str(folder / "schedule.json"), "out": str(folder / "out"), "microbatch": 4,
            "model": {"decoder": SMALL, "encoder": PATCH}, "checkpoint": {"every": 4},
        }  # fmt: skip
        if parent:
            run["branch_from"] = str(tmp_path / "sweep/nodes" / parent / "out")
        (folder / "run.yaml").write_text(yaml_file.dump(run))
        nodes.append((name, parent, stop))
    told(nodes).save(tmp_path / "sweep")
    return tmp_path / "sweep"


@pytest.mark.slow
def test_trunks_first_and_once(sweep, capsys):
    broken = sweep / "nodes/long/run.yaml"
    whole = broken.read_text()
    broken.write_text(whole.replace("microbatch: 4", "microbatch: none"))
    with pytest.raises(InputError, match=r"long/run.yaml:\d+: microbatch"):
        work(sweep, workers=1, threads=1)
    assert (sweep / "nodes/short/done").exists()
    trunk = checkpoint_folder.complete(sweep / "nodes/trunk/out/checkpoints")
    broken.write_text(whole)
    work(sweep, workers=1, threads=1)
    assert "2 of 3 stretches are done already" in capsys.readouterr().err
    assert checkpoint_folder.complete(sweep / "nodes/trunk/out/checkpoints") == trunk
    for name, first, last in (("short", 56, 64), ("long", 56, 80)):
        log = list(steps(sweep / "nodes" / name / "out/metrics.jsonl"))
        assert (log[0].position, log[-1].position) == (first, last)
        assert sum(log[-1].samples.values()) == last


def test_the_longest_way_ahead():
    rows = [("a", None, 5), ("b", None, 9), ("c", "a", 1), ("d", "a", 2), ("e", "d", 7), ("f", "b", 1)]
    stretches = [Stretch(name, parent, False, tokens) for name, parent, tokens in rows]
    assert longest(stretches) == {"a": 14, "b": 10, "c": 1, "d": 9, "e": 7, "f": 1}


def test_one_at_a_time(sweep):
    with exclusive(sweep / ".lock", "test"), pytest.raises(InputError, match="another training of the sweep runs"):
        work(sweep)


def test_bad_sweeps(tmp_path):
    with pytest.raises(InputError, match="no sweep here"):
        read(tmp_path)
    told([("a", None, 1)]).save(tmp_path)
    with pytest.raises(InputError, match=r"no run\.yaml here"):
        read(tmp_path)


def test_scores_of_other_files_or_settings_do_not_count(tmp_path):
    """A second call with another --limit, --bare, --by or other official files is not taken for done."""
    official, dataset, scores = tmp_path / "pope.json", tmp_path / "set/manifest.json", tmp_path / "scores"
    for path in (official, dataset, scores / "pope.json", scores / "pope-blind.json", scores / "loss-text.json"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("first")

    def told(task: str, file: Path, name: str, **more) -> TaskSummary:
        return TaskSummary(task=task, metric="m", score=0.5, items=1, standard_error=0.1, identity="i",
                           files={name: digest(file)}, **more)  # fmt: skip

    identity = {"digest": "a", "vocabulary_size": 9, "end_of_text_id": 0, "pad_id": 1, "image_id": 9}
    model = Model(path="p", digest="d", position=1, schedule="s", architecture="a", tokenizer=identity)
    asked = {"blind": False, "bare": True, "limit": 3, "rule": "official"}
    pope = told("pope", official, "pope.json", chance=0.5, answers_by="likelihood", asked=asked)
    loss = told("loss-text", dataset, "text", chance=5.0, answers_by="loss", asked={"limit": 3}, higher_is_better=False)
    blind = pope.model_copy(update={"asked": {**asked, "blind": True}})
    results = Results(model=model, settings={}, packages={}, tasks={"pope": pope, "loss-text": loss},
                      blind={"pope": blind})  # fmt: skip
    (scores / "results.json").write_text(results.model_dump_json())

    def scoring(**changes) -> Scoring:
        terms = {"tasks": (("pope", tmp_path),), "losses": (("text", dataset.parent),), "bare": True,
                 "by": "likelihood", "limit": 3}  # fmt: skip
        return Scoring(**{**terms, **changes})

    assert is_scored(scores, scoring())
    assert is_scored(scores, scoring(rule="vlm-evaluation")), "POPE has the official rule alone"
    changes = ({"limit": None}, {"bare": False}, {"by": "generation"}, {"tasks": (("gqa", tmp_path),)},
               {"only": {"pope": ("random",)}})  # fmt: skip
    for change in changes:
        assert not is_scored(scores, scoring(**change))
    text = {"text": ("hellaswag:10",)}
    assert not is_scored(scores, scoring(**text))
    shown = told("lm-eval-hellaswag-10shot", official, "pope.json", chance=0.25, answers_by="lm-eval",
                 asked={"shots": 10, "limit": 3})  # fmt: skip
    more = results.model_copy(update={"tasks": {**results.tasks, shown.task: shown}})
    (scores / "results.json").write_text(more.model_dump_json())
    (scores / "lm-eval-hellaswag-10shot.json").write_text("first")
    assert is_scored(scores, scoring(**text, text_include=tmp_path))
    assert not is_scored(scores, scoring(text=("hellaswag",), text_include=tmp_path))
    for path in (official, dataset):
        path.write_text("second")
        assert not is_scored(scores, scoring())
        path.write_text("first")
    for name, without in (("pope-blind.json", True), ("pope.json", False)):
        (scores / name).unlink()
        assert not is_scored(scores, scoring())
        assert is_scored(scores, scoring(blind=False)) == without
