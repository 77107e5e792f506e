"""A sweep with a known truth is read back as that truth."""

import json
import shutil

import pytest

from curriculum.study.analysis import analyse
from curriculum.study.figures import lines
from curriculum.study.orderings import orderings
from curriculum.study.runs import read
from schemas.errors import InputError


def test_the_truth_comes_back(swept):
    analysis = analyse(read(swept))
    assert [axis.name for axis in analysis.axes] == ["switch", "image_share"]
    assert analysis.axes[0].values == ["0%", "80%", "100%"]
    assert len(analysis.groups) == 6
    assert set(map(len, analysis.groups)) == {2}
    assert [signal.task for signal in analysis.signals if signal.kept] == ["vqav2"]
    vision = analysis.measure("stable score, vision")
    best = max(range(6), key=lambda n: vision.values[n])
    assert (analysis.settings[best]["switch"], analysis.settings[best]["image_share"]) == ("80%", "10%")
    found = {(one.claim, one.measure): one.verdict for one in orderings(analysis)}
    assert found["images from 80 % on beat images after the end", "stable score, vision"] == "appears"
    assert found["images from the start on hurt vision", "stable score, vision"] == "appears"
    assert found["more text keeps text scores", "loss-text"] == "appears"
    assert found["images from the start on hurt text", "loss-text"] == "undecided"
    assert len(lines(analysis, analysis.axes[0])) == 2


def test_items_are_matched_by_id(swept):
    before = analyse(read(swept)).measure("vqav2")
    for run in read(swept).runs[1::2]:
        file = run.folder / "scores/vqav2.json"
        told = json.loads(file.read_text())
        told["predictions"].reverse()
        file.write_text(json.dumps(told))
    after = analyse(read(swept)).measure("vqav2")
    assert (after.values == before.values).all()
    assert (after.draws == before.draws).all()


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
