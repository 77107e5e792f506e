"""Launch files: parents first, branches from their parents, nothing twice, on as many machines as a run takes."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from common import yaml_file
from curriculum.__main__ import main
from schemas.schedule import Schedule
from tests.curriculum.sweep.conftest import SWEEP


@pytest.fixture
def root(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sweep's working directory as a checkout, with `bin` first on the path."""
    Path("train").mkdir()
    Path("train/main.py").touch()
    monkeypatch.setenv("PATH", f"{Path('bin').resolve()}:{os.environ['PATH']}")
    return Path.cwd()


def test_the_launch_script_trains_parents_first_and_skips_what_is_finished(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out"]) == 0
    assert "11 runs" in capsys.readouterr().out
    summary = json.loads(Path("out/sweep.json").read_text())
    _command("composer", 'echo "$4" >> composer.log')
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    trained = [Path(line).parent.name for line in Path("composer.log").read_text().split()]
    order = {name: number for number, name in enumerate(trained)}
    assert len(order) == len(trained) == len(summary["nodes"])
    for node in summary["nodes"]:
        assert node["parent"] is None or order[node["parent"]] < order[node["id"]]
        run = yaml_file.compose(Path(f"out/nodes/{node['id']}/run.yaml"))[0]
        schedule = Schedule.load(run["schedule"])
        assert schedule.total_samples == node["stop"]
        assert schedule.hash == node["past"]
        assert run.get("branch_from") == (f"out/nodes/{node['parent']}/out" if node["parent"] else None)
    Path("composer.log").unlink()
    Path(f"out/nodes/{trained[-1]}/done").unlink()
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    assert len(Path("composer.log").read_text().split()) == 1


def test_a_node_that_fails_stops_the_script_and_is_tried_again(root: Path) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    _command("composer", 'echo "$4" >> composer.log; [[ $(wc -l < composer.log) != 3 ]]')
    assert subprocess.run(["bash", "out/launch.sh"], check=False, capture_output=True).returncode != 0
    assert len(Path("composer.log").read_text().split()) == 3
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    trained = Path("composer.log").read_text().split()
    assert trained[2] == trained[3], "the one that failed is the first that is tried again"
    assert len(set(trained)) == len(trained) - 1 == len(json.loads(Path("out/sweep.json").read_text())["nodes"])


def test_elsewhere_the_scripts_say_where_to_start_them(root: Path) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    Path("train/main.py").unlink()
    for script in ("out/launch.sh", "out/slurm/submit.sh", "out/slurm/job.sh"):
        done = subprocess.run(["bash", script], check=False, capture_output=True, text=True)
        assert done.returncode == 2
        assert "run this from the repository root" in done.stderr


def test_slurm_waits_for_the_parent_alone(root: Path) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    _command("sbatch", 'echo "$@" >> sbatch.log; echo $((100 + $(wc -l < sbatch.log)))')
    subprocess.run(["bash", "out/slurm/submit.sh", "--partition=gpu"], check=True, capture_output=True)
    calls = Path("sbatch.log").read_text().splitlines()
    summary = json.loads(Path("out/sweep.json").read_text())
    parents = {node["parent"] for node in summary["nodes"]}
    assert len(calls) == len(parents)
    job: dict[str, str] = {}
    parent_of = {node["id"]: node["parent"] for node in summary["nodes"]}
    for number, call in enumerate(calls):
        assert "--partition=gpu" in call
        assert "--nodes=1 --gpus-per-node=2" in call
        ids = Path(call.split()[-2]).read_text().split()
        assert f"--array=0-{len(ids) - 1}" in call
        parent = parent_of[ids[0]]
        assert (f"--dependency=afterok:{job[parent]}" in call) if parent else ("--dependency" not in call)
        job |= {name: f"{101 + number}_{index}" for index, name in enumerate(ids)}


def test_a_run_on_more_gpus_than_a_machine_has_takes_several(root: Path) -> None:
    """The job script, with commands of Slurm's that do what Slurm's do on four machines."""
    Path("sweep.yaml").write_text(SWEEP.replace("gpus: 2,", "gpus: 32,"))
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    assert '--nodes="$2" --gpus-per-node="$3"' in Path("out/slurm/submit.sh").read_text()
    lists = sorted(Path("out/slurm").glob("*.txt"))
    assert all(path.stem.endswith("-4x8") for path in lists)
    _command("scontrol", "printf 'a1\\na2\\na3\\na4\\n'")
    _command("srun", 'for id in 0 1 2 3; do SLURM_NODEID=$id "$@"; done')
    _command("composer", "printf '%s\\n' \"$*\" >> composer.log")
    slurm = {
        "SLURM_ARRAY_TASK_ID": "0",
        "SLURM_JOB_ID": "123",
        "SLURM_JOB_NODELIST": "a[1-4]",
        "SLURM_JOB_NUM_NODES": "4",
    }
    subprocess.run(["bash", "out/slurm/job.sh", str(lists[0]), "8"], check=True, env={**os.environ, **slurm})
    node = lists[0].read_text().split()[0]
    for number, call in enumerate(Path("composer.log").read_text().splitlines()):
        assert call == (
            f"-n 8 --world_size 32 --node_rank {number} --master_addr a1 --master_port 20123 "
            f"train/main.py out/nodes/{node}/run.yaml"
        )
    assert Path(f"out/nodes/{node}/done").exists()


def _command(name: str, body: str) -> None:
    folder = Path("bin")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
    (folder / name).chmod((folder / name).stat().st_mode | stat.S_IXUSR)
