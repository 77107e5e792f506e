"""Nothing that the demo starts outlives it, and what does is found and ended."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from demo.processes import MARK, end_leftovers, environment, run, running

TREE = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
TREE += "print('up', flush=True); time.sleep(60)"


def marked(work: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(work.resolve()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def test_leaving_the_block_ends_the_whole_tree(tmp_path: Path) -> None:
    with running([sys.executable, "-c", TREE], cwd=tmp_path, env=environment(tmp_path), stdout=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        deadline = time.monotonic() + 20
        while len(marked(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)  # a process shows no environment while it becomes another program
        assert len(marked(tmp_path)) == 2
    assert not marked(tmp_path)


def test_a_killed_parents_orphans_are_ended_at_the_next_start(tmp_path: Path) -> None:
    env = environment(tmp_path)
    parent = subprocess.Popen([sys.executable, "-c", TREE], env=env, stdout=subprocess.PIPE, start_new_session=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while not marked(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)  # a process shows no environment while it becomes another program
    assert end_leftovers(tmp_path) == 1
    while marked(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not marked(tmp_path)


def test_another_folders_processes_are_left_alone(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    with running([sys.executable, "-c", TREE], cwd=tmp_path, env=environment(other), stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert end_leftovers(mine) == 0
        assert process.poll() is None


def test_exit_status_is_passed_on(tmp_path: Path) -> None:
    assert run([sys.executable, "-c", "raise SystemExit(7)"], cwd=tmp_path, env=environment(tmp_path)) == 7


def test_the_environment_runs_this_interpreter_everywhere(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert env["PYSPARK_PYTHON"] == sys.executable
    assert env["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert env["HF_HUB_OFFLINE"] == "1"
