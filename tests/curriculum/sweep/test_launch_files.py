"""Launch files: parents first, branches from their parents, nothing twice, on as many machines as a run takes."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from common import yaml_file
from curriculum.__main__ import main
from schemas.schedule import Schedule
from tests.curriculum.sweep.conftest import SWEEP
from tests.helpers.commands import ROOT


@pytest.fixture
def root(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sweep's working directory, with `bin` first on the path."""
    monkeypatch.setenv("PATH", f"{Path('bin').resolve()}:{os.environ['PATH']}")
    return Path.cwd()


def _trained() -> list[str]:
    """Nodes in the order in which `switchpoint train NODE/run.yaml -n GPUS` was called."""
    return [Path(line).parent.name for line in Path("train.log").read_text().split()]


def test_the_launch_script_trains_parents_first_and_skips_what_is_finished(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out"]) == 0
    assert "11 runs" in capsys.readouterr().out
    summary = json.loads(Path("out/sweep.json").read_text())
    _command("switchpoint", '[[ $1 == train && $3 == -n && $4 == 2 ]] && echo "$2" >> train.log')
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    trained = _trained()
    order = {name: number for number, name in enumerate(trained)}
    assert len(order) == len(trained) == len(summary["nodes"])
    for node in summary["nodes"]:
        assert node["parent"] is None or order[node["parent"]] < order[node["id"]]
        run = yaml_file.compose(Path(f"out/nodes/{node['id']}/run.yaml"))[0]
        schedule = Schedule.load(run["schedule"])
        assert schedule.total_samples == node["stop"]
        assert schedule.hash == node["past"]
        assert Path(f"out/nodes/{node['id']}/run.yaml").read_text().startswith("# seal: ")
        assert run.get("branch_from") == (f"out/nodes/{node['parent']}/out" if node["parent"] else None)
    Path("train.log").unlink()
    Path(f"out/nodes/{trained[-1]}/done").unlink()
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    assert len(_trained()) == 1


def test_a_node_that_fails_stops_the_script_and_is_tried_again(root: Path) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    _command("switchpoint", 'echo "$2" >> train.log; [[ $(wc -l < train.log) != 3 ]]')
    assert subprocess.run(["bash", "out/launch.sh"], check=False, capture_output=True).returncode != 0
    assert len(_trained()) == 3
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    trained = _trained()
    assert trained[2] == trained[3], "the one that failed is the first that is tried again"
    assert len(set(trained)) == len(trained) - 1 == len(json.loads(Path("out/sweep.json").read_text())["nodes"])


def test_the_scripts_run_from_any_directory_and_find_a_sweep_that_moved(root: Path) -> None:
    """Data and nodes are named from where the sweep was written, which a name with blanks does not harm."""
    home = root / "a user's runs"
    shutil.copytree(root, home, ignore=shutil.ignore_patterns("bin", "a user's runs"))
    command = [sys.executable, "-m", "curriculum", "sweep", "sweep.yaml", "-o", "out", "--no-tree"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True)
    _command("switchpoint", 'test -e "$2" && echo "$PWD" >> "$LOG"')
    environment["LOG"] = str(root / "train.log")
    subprocess.run(["bash", str(home / "out/launch.sh")], cwd="/", env=environment, check=True, capture_output=True)
    assert set(Path("train.log").read_text().splitlines()) == {str(home)}
    moved = home.rename(root / "moved")
    for done in moved.glob("out/nodes/*/done"):
        done.unlink()
    lost = subprocess.run(["bash", moved / "out/launch.sh"], env=environment, capture_output=True, text=True)
    assert lost.returncode == 2
    assert f"error: the sweep was written in {home}; give ROOT=DIR, where that lies now" in lost.stderr
    environment["ROOT"] = str(moved)
    subprocess.run(["bash", moved / "out/launch.sh"], cwd="/", env=environment, check=True, capture_output=True)
    assert str(moved) in Path("train.log").read_text()


def test_without_the_command_the_scripts_say_so(root: Path) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    for script in ("out/launch.sh", "out/slurm/submit.sh", "out/slurm/job.sh"):
        done = subprocess.run(["bash", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("error: switchpoint is not on the PATH")


@pytest.fixture
def slurm(root: Path) -> Path:
    """A sweep, and commands of Slurm's: `sbatch` keeps its calls in sbatch.log, `squeue` says what is in queue.txt."""
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    _command("switchpoint", "exit 0")
    _command("sbatch", 'echo "$@" >> sbatch.log; echo $((100 + $(wc -l < sbatch.log)))')
    _command("squeue", "cat queue.txt 2>/dev/null || true")
    return root


def _submit() -> list[str]:
    """Calls of sbatch that `submit.sh` makes."""
    Path("sbatch.log").unlink(missing_ok=True)
    subprocess.run(["bash", "out/slurm/submit.sh", "--partition=gpu"], check=True, capture_output=True)
    return Path("sbatch.log").read_text().splitlines() if Path("sbatch.log").exists() else []


def test_slurm_waits_for_the_parent_alone(slurm: Path) -> None:
    calls = _submit()
    summary = json.loads(Path("out/sweep.json").read_text())
    parents = {node["parent"] for node in summary["nodes"]}
    assert len(calls) == len(parents)
    job: dict[str, str] = {}
    parent_of = {node["id"]: node["parent"] for node in summary["nodes"]}
    for number, call in enumerate(calls):
        assert "--partition=gpu" in call
        assert "--nodes=1 --gpus-per-node=2" in call
        ids = Path(call.split()[-2]).read_text().split()
        assert f"--array={','.join(map(str, range(len(ids))))} " in call
        parent = parent_of[ids[0]]
        waits = f"--dependency=afterok:{job[parent]} --kill-on-invalid-dep=yes" if parent else "--nodes"
        assert waits in call
        assert ("--dependency" in call) == (parent is not None)
        job |= {name: f"{101 + number}_{index}" for index, name in enumerate(ids)}


def test_what_waits_or_runs_is_not_submitted_again(slurm: Path) -> None:
    """One task failed and left the queue, one is done: the failed one comes again, and its children wait for it."""
    first = _submit()
    submitted = dict(line.split() for line in Path("out/slurm/submitted.txt").read_text().splitlines())
    Path("queue.txt").write_text("".join(f"{task}\n" for task in submitted.values()))
    assert _submit() == []
    summary = json.loads(Path("out/sweep.json").read_text())
    trunk = next(node["id"] for node in summary["nodes"] if node["parent"] is None)
    children = [node["id"] for node in summary["nodes"] if node["parent"] == trunk]
    failed, finished = children[-1], children[0]
    gone = {failed, finished, trunk, *(node["id"] for node in summary["nodes"] if node["parent"] == failed)}
    Path("queue.txt").write_text("".join(f"{task}\n" for node, task in submitted.items() if node not in gone))
    for node in (finished, trunk):
        Path(f"out/nodes/{node}/done").touch()
    again = _submit()
    assert len(again) == len({node["parent"] for node in summary["nodes"] if node["id"] in gone - {finished, trunk}})
    listed = Path(again[0].split()[-2]).read_text().split()
    assert f"--array={listed.index(failed)} " in again[0]
    assert "--dependency" not in again[0], "its parent is done"
    assert len(again) < len(first)


def test_a_list_that_is_gone_is_no_success(slurm: Path) -> None:
    missing = sorted(Path("out/slurm").glob("after-*.txt"))[0]
    missing.unlink()
    done = subprocess.run(["bash", "out/slurm/submit.sh"], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"error: {missing} is missing or empty; write the sweep again" in done.stderr


def _job(listed: Path, gpus: int, **more: str) -> subprocess.CompletedProcess[str]:
    """The job script as Slurm starts it for the list's first node."""
    given = {"SLURM_ARRAY_TASK_ID": "0", "SLURM_JOB_ID": "123", "SLURM_JOB_NODELIST": "a[1-4]"}
    command = ["bash", "out/slurm/job.sh", str(listed), str(gpus)]
    return subprocess.run(command, env={**os.environ, **given, **more}, capture_output=True, text=True)


def test_a_run_on_more_gpus_than_a_machine_has_takes_several(root: Path) -> None:
    """The job script, with commands of Slurm's that do what Slurm's do on four machines."""
    Path("sweep.yaml").write_text(SWEEP.replace("gpus: 2,", "gpus: 32,"))
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    assert '--nodes="$2" --gpus-per-node="$3"' in Path("out/slurm/submit.sh").read_text()
    lists = sorted(Path("out/slurm").glob("*-4x8.txt"))
    _command("scontrol", "printf 'a1\\na2\\na3\\na4\\n'")
    _command("srun", 'shift; for id in 0 1 2 3; do SLURM_NODEID=$id "$@"; done')
    _command("switchpoint", "printf '%s\\n' \"$*\" >> train.log")
    done = _job(lists[0], 8, SLURM_JOB_NUM_NODES="4")
    assert done.returncode == 0, done.stderr
    node = lists[0].read_text().split()[0]
    for number, call in enumerate(Path("train.log").read_text().splitlines()):
        assert call == (
            f"train out/nodes/{node}/run.yaml -n 8 -- --world_size 32 --node_rank {number} "
            "--master_addr a1 --master_port 20123"
        )
    assert Path(f"out/nodes/{node}/done").exists()


def test_a_run_that_was_asked_to_leave_goes_back_into_the_queue(slurm: Path) -> None:
    """Status 143 says: saved, go on later. Any other failure stands."""
    _command("scontrol", 'echo "$@" >> scontrol.log')
    _command("sleep", "exit 0")
    listed = sorted(Path("out/slurm").glob("roots-*.txt"))[0]
    node = listed.read_text().split()[0]
    for status, requeued in ((1, False), (143, True)):
        _command("srun", f"exit {status}")
        assert _job(listed, 2, SLURM_JOB_NUM_NODES="1").returncode == status
        assert ("requeue 123" in Path("scontrol.log").read_text()) == requeued
        assert not Path(f"out/nodes/{node}/done").exists()
    listed.write_text("")
    empty = _job(listed, 2, SLURM_JOB_NUM_NODES="1")
    assert empty.returncode == 2
    assert "names no node of the sweep at 0" in empty.stderr


def _command(name: str, body: str) -> None:
    folder = Path("bin")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
    (folder / name).chmod((folder / name).stat().st_mode | stat.S_IXUSR)
