"""Seconds with and without sharing, from logs whose seconds are known."""

import json
import shutil

import pytest

from common import seal
from common.errors import InputError
from curriculum.__main__ import main
from curriculum.sweep_report.read_runs import read
from curriculum.sweep_report.shared_trunks import sharing
from schemas.run_log import Step
from tests.curriculum.sweep_report.conftest import train


def slow_down(folder, factor: float) -> None:
    """Multiply the seconds of a node's log."""
    log = folder / "out/metrics.jsonl"
    step = Step.model_validate_json(log.read_text())
    log.write_text(step.model_copy(update={"seconds": step.seconds * factor}).model_dump_json() + "\n")


@pytest.fixture
def alone(swept, tmp_path):
    """Three of the sweep's runs trained alone, 5 s each."""
    assert main(["sweep", "sweep.yaml", "--alone", "--runs", "3", "-o", "alone", "--no-tree"]) == 0
    for node in json.loads((tmp_path / "alone/sweep.json").read_text())["nodes"]:
        train(tmp_path / "alone/nodes" / node["id"])
        slow_down(tmp_path / "alone/nodes" / node["id"], 2.5)
    return tmp_path / "alone"


def test_a_trunk_counts_once_with_sharing_and_for_every_run_without(swept):
    sweep = read(swept)
    trunk = next(node for node in sweep.nodes if any(node.id in run.path[:-1] for run in sweep.runs))
    slow_down(swept / "nodes" / trunk.id, 4)
    found = sharing(read(swept))
    through = sum(trunk.id in run.path for run in sweep.runs)
    assert through > 1
    assert found.seconds == 2.0 * len(sweep.nodes) + 6
    assert found.seconds_without == 2.0 * sum(len(run.path) for run in sweep.runs) + 6 * through
    assert f"{1 - found.seconds / found.seconds_without:.0%} of the time" in found.sentence
    assert found.alone is None


@pytest.mark.slow
def test_runs_trained_alone_stand_beside_their_paths(swept, alone, capsys):
    sweep = read(swept)
    found = sharing(sweep, read(alone)).alone
    names = [run.name for run in read(alone).runs]
    assert [names[0], names[-1]] == [sweep.runs[0].name, sweep.runs[-1].name]
    assert (found.runs, found.seconds) == (3, 15.0)
    assert found.predicted == sum(2.0 * len(run.path) for run in sweep.runs if run.name in names)
    assert found.tokens == sum(run.tokens for run in sweep.runs if run.name in names)
    assert main(["report", str(swept), "--alone", str(alone)]) == 0
    assert "Trained without sharing, 3 of the 12 runs took 15 s of steps as measured" in capsys.readouterr().out
    html = (swept / "report.html").read_text()
    assert "3 of 12 runs trained alone, measured" in html
    assert "15.0 s" in html


def test_what_is_not_trained_to_its_end_is_not_compared(swept, alone):
    nodes = read(alone).nodes
    shutil.rmtree(alone / "nodes" / nodes[0].id / "out")
    assert sharing(read(swept), read(alone)).alone.runs == 2
    shutil.rmtree(swept / "nodes" / read(swept).nodes[0].id / "out")
    found = sharing(read(swept), read(alone))
    assert (found.seconds, found.seconds_without, found.alone) == (0.0, 0.0, None)
    assert found.rows[0][2] == "not trained yet"
    assert "of the time" not in found.sentence


def test_another_sweep_is_refused(swept, alone):
    file = alone / "sweep.json"
    told = seal.opened(file.read_text())
    told["runs"][0]["schedule"] = "0" * 64
    file.write_text(json.dumps(told))
    with pytest.raises(InputError, match=r"is not a run of .*swept; expand both from the same sweep file"):
        sharing(read(swept), read(alone))


@pytest.mark.parametrize("count", ["0", "-1"])
def test_no_runs_are_refused(swept, count):
    assert main(["sweep", "sweep.yaml", "--alone", "--runs", count]) == 2
