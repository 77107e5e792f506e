"""`sweep`: several files are one tree, printed or written."""

import json
from pathlib import Path

import pytest

from curriculum.__main__ import main
from schemas.sweep_file import SweepFile

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def sweeps(base: Path) -> list[str]:
    for name, axis in (("one", "switch: [40%, 80%]"), ("two", "share: [5%, 15%]")):
        Path(f"{name}.yaml").write_text(f"curriculum: {base}\ngrids: [{{name: g, axes: {{{axis}}}}}]\n")
    return ["one.yaml", "two.yaml"]


def test_without_a_directory_nothing_is_written(sweeps: list[str], capsys: Capture) -> None:
    before = sorted(Path().iterdir())
    assert main(["sweep", *sweeps]) == 0
    said = capsys.readouterr().out
    assert "-> one_g_switch=40" in said
    assert "4 runs" in said
    assert sorted(Path().iterdir()) == before


def test_equal_runs_of_two_sweeps_are_one_leaf(sweeps: list[str], capsys: Capture) -> None:
    assert main(["sweep", *sweeps, "-o", "out", "--no-tree"]) == 0
    assert "`-" not in capsys.readouterr().out
    summary = json.loads(Path("out/sweep.json").read_text())
    leaf = {run["name"]: run["node"] for run in summary["runs"]}
    assert leaf["one_g_switch=80"] == leaf["two_g_share=15"]
    assert len(set(leaf.values())) == 3
    assert not Path("out/launch.sh").exists(), "no run config, nothing to launch"
    for node in summary["nodes"]:
        assert Path(f"out/nodes/{node['id']}/schedule.json").exists()


def test_the_same_sweep_twice_is_refused(sweeps: list[str], capsys: Capture) -> None:
    assert main(["sweep", sweeps[0], sweeps[0]]) == 2
    assert "two runs are named" in capsys.readouterr().err


def test_without_sharing_every_run_is_a_stretch_but_equal_runs_are_one(sweeps: list[str], capsys: Capture) -> None:
    assert main(["sweep", *sweeps, "--alone", "-o", "out", "--no-tree"]) == 0
    assert "4 runs, 3 stretches" in capsys.readouterr().out
    told = SweepFile.load(Path("out"))
    assert all(node.parent is None for node in told.nodes)
    assert sorted(name for node in told.nodes for name in node.ends) == sorted(run.name for run in told.runs)
    for count, runs, stretches in ((1, 1, 1), (3, 3, 2), (9, 4, 3)):
        assert main(["sweep", *sweeps, "--alone", "--runs", str(count), "--no-tree"]) == 0
        assert f"{runs} runs, {stretches} stretches" in capsys.readouterr().out


def test_values_for_the_curriculum_below_are_given_on_the_command_line(sweeps: list[str], capsys: Capture) -> None:
    """The sweep sets `switch`; `share` is its curriculum's alone, and the same in every run."""
    assert main(["sweep", "one.yaml", "--set", "share=10%", "-o", "out"]) == 0
    settings = [run["settings"] for run in json.loads(Path("out/sweep.json").read_text())["runs"]]
    assert [(one["switch"], one["share"]) for one in settings] == [("40%", "10%"), ("80%", "10%")]
    capsys.readouterr()
    for given, said in (("switch=20%", "'switch' is given by --set as well"), ("speed=2", "have no parameter 'speed'")):
        assert main(["sweep", "one.yaml", "--set", given]) == 2
        line = capsys.readouterr().err
        assert said in line
        assert line.count("\n") == 1
