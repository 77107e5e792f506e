"""A sweep with a known truth is read back as that truth."""

import json
import shutil

import numpy as np
import pytest

from common.errors import InputError
from curriculum.sweep_report.analysis import analyse
from curriculum.sweep_report.figures import lines
from curriculum.sweep_report.paper_findings import orderings
from curriculum.sweep_report.read_runs import read


def test_the_truth_comes_back(swept):
    analysis = analyse(read(swept))
    assert [axis.name for axis in analysis.axes] == ["switch", "image_share"]
    assert analysis.axes[0].values == ["0%", "80%", "100%"]
    assert len(analysis.groups) == 6
    assert set(map(len, analysis.groups)) == {2}
    assert [signal.task for signal in analysis.signals if signal.kept] == ["vqav2"]
    vision = analysis.measure("stable score, vision")
    best = int(vision.estimates.values.argmax())
    assert (analysis.settings[best]["switch"], analysis.settings[best]["image_share"]) == ("80%", "10%")
    found = {(one.claim, one.measure): one.verdict for one in orderings(analysis)}
    assert found["images from 80 % on beat images after the end", "stable score, vision"] == "appears"
    assert found["images from the start on hurt vision", "stable score, vision"] == "appears"
    assert found["more text keeps text scores", "loss-text"] == "appears"
    assert found["images from the start on hurt text", "loss-text"] == "undecided"
    assert len(lines(analysis, analysis.axes[0])) == 2


def test_items_are_matched_by_id(swept):
    before = analyse(read(swept)).measure("vqav2").estimates
    for run in read(swept).runs[1::2]:
        file = run.folder / "scores/vqav2.json"
        told = json.loads(file.read_text())
        told["predictions"].reverse()
        file.write_text(json.dumps(told))
    after = analyse(read(swept)).measure("vqav2").estimates
    assert (after.values == before.values).all()
    assert (after.item_covariance == before.item_covariance).all()


def test_what_cannot_be_compared_is_refused(swept):
    runs = read(swept).runs
    task = runs[1].folder / "scores/vqav2.json"
    told = json.loads(task.read_text())
    whole = json.dumps(told)
    told["predictions"][-1]["id"] = "another"
    task.write_text(json.dumps(told))
    with pytest.raises(InputError, match=r"were scored on different items of 'vqav2'; evaluate all runs with the same"):
        analyse(read(swept))
    task.write_text("{}")
    with pytest.raises(InputError, match=r"vqav2.json: .*damaged results"):
        analyse(read(swept))
    task.write_text(whole)
    for run in runs:
        shutil.rmtree(run.folder / "scores")
    with pytest.raises(InputError, match="no run has been scored"):
        analyse(read(swept))


def test_a_task_that_some_runs_lack_is_left_out(swept):
    run = read(swept).runs[3]
    results = json.loads((run.folder / "scores/results.json").read_text())
    del results["tasks"]["pope"]
    (run.folder / "scores/results.json").write_text(json.dumps(results))
    found = analyse(read(swept))
    assert found.measure("pope") is None
    assert found.measure("vqav2") is not None


def rewrite(run, task: str, change) -> None:
    """Change a task's file, and its summary."""
    for name in (f"{task}.json", "results.json"):
        file = run.folder / "scores" / name
        told = json.loads(file.read_text())
        change(told if name != "results.json" else told["tasks"][task])
        file.write_text(json.dumps(told))


def test_losses_of_single_seeds_have_no_verdict(swept):
    """One seed each: the interval is that of the rows, and says nothing of other seeds."""
    sweep = read(swept)
    for number, run in enumerate(sweep.runs):
        if run.settings["seed"] != 7:
            shutil.rmtree(run.folder / "scores")
            continue

        def noisy(told, number=number):
            values = 3 + np.random.default_rng(number).standard_normal(400)
            for row, value in zip(told.get("predictions", []), values, strict=False):
                row["score"] = float(value)
            told["score"] = float(values.mean())

        rewrite(run, "loss-text", noisy)
    analysis = analyse(read(swept))
    assert set(map(len, analysis.groups)) == {1}
    found = {(one.claim, one.measure): one for one in orderings(analysis)}
    text = found["more text keeps text scores", "loss-text"]
    assert text.difference.high - text.difference.low > 0.05
    assert {one.verdict for one in found.values()} == {"no verdict"}


@pytest.mark.parametrize(
    ("task", "field", "value", "message"),
    [
        ("vqav2", "files", {"q.json": "0"}, "scored on other files"),
        ("loss-text", "files", {"text": "0"}, "scored on other files"),
        ("pope", "answers_by", "likelihood", "scored with other options"),
        ("vqav2", "asked", {"blind": True}, "scored with other options"),
    ],
)
def test_scores_of_other_terms_are_refused(swept, task, field, value, message):
    for run in read(swept).runs:
        rewrite(run, task, lambda told: told.update(asked={"blind": False}))
    rewrite(read(swept).runs[1], task, lambda told: told.update({field: value}))
    with pytest.raises(InputError, match=f"'{task}': .* were {message}; evaluate all runs with the same options"):
        analyse(read(swept))


def test_losses_on_other_rows_are_refused(swept):
    rewrite(read(swept).runs[1], "loss-text", lambda told: told.get("predictions", [{}])[-1].update(target=2))
    with pytest.raises(InputError, match="were scored on different items of 'loss-text'"):
        analyse(read(swept))
    rewrite(read(swept).runs[1], "loss-text", lambda told: told.get("predictions", [{}])[-1].update(target=""))
    with pytest.raises(InputError, match=r"loss-text\.json: a row without its number of tokens"):
        analyse(read(swept))
