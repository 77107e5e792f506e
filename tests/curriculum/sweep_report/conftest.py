"""A swept folder as the sweep, the trainer and the evaluation leave it; scores are made to a known pattern."""

import json
from pathlib import Path

import numpy as np
import pytest

from common import yaml_file
from curriculum.__main__ import main
from schemas.results import Model, Prediction, Results, TaskResult, TaskSummary, task_file
from schemas.run_log import Step
from schemas.schedule import Schedule
from schemas.score_preset import PAPER

BASE = """\
parameters: {seed: 7, switch: 80%, share: 10%, image_share: "10%"}
seed: ${seed}
global_batch: 8
trunk: 800 samples
sources:
  text: {path: text}
  pairs: {path: pairs}
learning_rate: {peak: 1e-3, warmup: 2 steps, shape: constant, over: 100%}
phases:
  - {name: text, until: "${switch}", mix: {text: 1}, may_be_empty: true}
  - {name: image-text, steps: 20, mix: {text: rest, pairs: "${image_share}"}}
"""
SWEEP = """\
curriculum: base.yaml
train: run.yaml
grids:
  - name: g
    axes: {switch: [0%, 80%, 100%], image_share: [10%, 50%], seed: [7, 365]}
"""


def truth(settings: dict[str, str], task: str) -> float:
    """Accuracy that a run is given: switch 80 % is best, more images cost a little, `pope` never leaves chance."""
    if task == "pope":
        return 0.5
    return {"0%": 0.4, "80%": 0.8, "100%": 0.6}[settings["switch"]] - (0.05 if settings["image_share"] == "50%" else 0)


def score(folder: Path, settings: dict[str, str], seed: int, schedule: str) -> None:
    """Write `results.json` and a file for each task."""
    rng = np.random.default_rng(seed)
    tasks = {}
    for task, chance in (("vqav2", 0.0), ("pope", 0.5), ("loss-text", 6.9)):
        loss = task == "loss-text"
        values = (
            np.full(400, 3.0 + float(settings["image_share"][:-1]) / 100) + 0.02 * rng.standard_normal()
            if loss
            else (rng.random(400) < truth(settings, task)).astype(float)
        )
        predictions = [
            Prediction(id=str(n), group="", prediction="", target=1 if loss else "", score=float(value))
            for n, value in enumerate(values)
        ]
        result = TaskResult(
            task=task, metric="accuracy", score=float(values.mean()), chance=chance, items=400, standard_error=0.01,
            higher_is_better=not loss, answers_by="generation", identity="i", files={}, predictions=predictions,
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{task}.json").write_text(result.model_dump_json())
        tasks[task] = TaskSummary.model_validate(result.model_dump(exclude={"predictions"}))
    identity = {"digest": "a" * 64, "vocabulary_size": 1000, "end_of_text_id": 0, "pad_id": 1, "image_id": 1000}
    model = Model(path="p", digest="d", position=1, schedule=schedule, architecture="a", tokenizer=identity)
    results = Results(model=model, settings={}, packages={}, tasks=tasks)
    (folder / "results.json").write_text(results.model_dump_json())


def score_preset(folder: Path, figures: dict[str, float], *, blind: bool = False) -> None:
    """Add results of the paper's vision tasks to those in `folder`, with these figures."""
    results = Results.load(folder)
    told = dict(results.blind if blind else results.tasks)
    for part in PAPER.vision:
        figure, (place, _, name) = figures[part.task], part.value.partition("/")
        predictions = [
            Prediction(id=f"{group}{n}", group=group, prediction="", target="", score=figure if group == "val" else 0.0)
            for group in ("val", "testA")
            for n in range(20)
            if group == "val" or place == "groups"
        ]
        result = TaskResult(
            task=part.task, metric="m", score=figure if place == "score" else 0.01, chance=0.0, items=len(predictions),
            standard_error=0.01, answers_by=part.answers_by or "generation", asked={**part.asked, "blind": blind},
            identity="i", files={}, predictions=predictions, **({} if place == "score" else {place: {name: figure}}),
        )  # fmt: skip
        (folder / task_file(part.task, blind=blind)).write_text(result.model_dump_json())
        told[part.task] = TaskSummary.model_validate(result.model_dump(exclude={"predictions"}))
    changed = results.model_copy(update={"blind" if blind else "tasks": told})
    (folder / "results.json").write_text(changed.model_dump_json())


def train(folder: Path) -> None:
    """Write the log of one node: one step that says what the schedule says."""
    schedule = Schedule.load(folder / "schedule.json")
    total = schedule.total_samples
    step = Step(
        step=total // 8, position=total, tokens=total * schedule.seq_len, phase="text", lr=1e-3, loss=3, images=0,
        loss_by_source={}, samples=schedule.counts(total), real_tokens=1, gradient_norm=1, seconds=2.0,
        tokens_per_second=1,
    )  # fmt: skip
    (folder / "out").mkdir(exist_ok=True)
    (folder / "out/metrics.jsonl").write_text(step.model_dump_json() + "\n")


@pytest.fixture
def swept(dataset, tmp_path) -> Path:
    """A sweep of 12 runs, trained and scored."""
    dataset("text")
    dataset("pairs", "pairs", 3000)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "run.yaml").write_text(yaml_file.dump({"model": {"size": "demo"}, "microbatch": 4}))
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    assert main(["sweep", "sweep.yaml", "-o", "swept", "--no-tree"]) == 0
    told = json.loads((tmp_path / "swept/sweep.json").read_text())
    for node in told["nodes"]:
        train(tmp_path / "swept/nodes" / node["id"])
    for number, run in enumerate(told["runs"]):
        score(tmp_path / "swept/nodes" / run["node"] / "scores", run["settings"], number, run["schedule"])
    return tmp_path / "swept"
