"""The demo as a command: it teaches, it refuses in one line, and it goes on after anything was killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from demo.processes import MARK
from tests.helpers.commands import ROOT, SMOKE, FinishedDemo, command_environment


def demo(*args: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "demo", *args]
    return subprocess.run(argv, cwd=ROOT, env=command_environment(), capture_output=True, text=True, timeout=120)


def test_a_dry_run_shows_the_users_commands(tmp_path: Path) -> None:
    done = demo(str(tmp_path / "work"), "--dry-run")
    assert done.returncode == 0
    for words in ("spark-submit", "-m curriculum compile", "composer -n 2", "-m train evaluate"):
        assert words in done.stdout
    assert not (tmp_path / "work").exists()


def test_a_folder_without_recipes_is_refused_in_one_line(tmp_path: Path) -> None:
    done = demo(str(tmp_path / "work"), "--recipes", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "world.yaml" in done.stderr


@pytest.mark.soak
def test_disturbed_at_random_moments_it_ends_in_the_same_report(tmp_path: Path, finished_demo: FinishedDemo) -> None:
    """Ctrl-C, then `kill -9` of any of its processes or of the demo itself, several times; then undisturbed."""
    work = tmp_path / "demo-run"
    argv = [sys.executable, "-m", "demo", str(work), "--recipes", str(SMOKE)]
    chance = random.Random(os.getpid())  # another moment each time; the seed is in the failure message
    story: list[str] = [f"seed {os.getpid()}"]
    for attempt in range(5):
        said = tmp_path / f"{attempt}.log"  # no pipe: what outlives a killed demo until the next start would hold it
        with said.open("wb") as file:
            process = subprocess.Popen(argv, cwd=ROOT, env=command_environment(), stderr=file)
        if attempt < 4:
            time.sleep(chance.uniform(2, 25))
            story.append(_interrupt(process) if attempt == 0 else _kill_one(process.pid, work, chance))
        process.wait(timeout=600)
        err = said.read_text()
        story.append(f"status {process.returncode}: {err[-300:]}")
        if attempt == 0:
            assert process.returncode == 130, "\n".join(story)
            assert "start again to go on" in err
            assert not _processes(work), "Ctrl-C left processes behind"
    assert process.returncode in (0, 3), "\n".join(story)
    same = (work / "report.html").read_bytes() == (finished_demo.work / "report.html").read_bytes()
    assert same, "\n".join(story)
    print("\n".join(story))


def _interrupt(process: subprocess.Popen[bytes]) -> str:
    process.send_signal(signal.SIGINT)
    return "interrupted"


def _processes(work: Path) -> list[int]:
    """Ids of the processes that belong to the demo in `work`, without the demo itself."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(work.resolve()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def _kill_one(demo_pid: int, work: Path, chance: random.Random) -> str:
    """Kill one process of the demo, chosen at random; returns which."""
    victim = psutil.Process(chance.choice([demo_pid, *_processes(work)]))
    try:
        name = " ".join(victim.cmdline())[:120]
        victim.kill()
    except psutil.Error:
        name = "one that had just ended"
    return f"killed {name}"
