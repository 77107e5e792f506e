"""`make study` at a tiny size, on the data of the small demo: swept, trained, scored, drawn."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curriculum.sweep_report.registration import AS_REGISTERED
from demo.study.stages import DATA, FOLDER, Options, stages
from tests.helpers.commands import ROOT, SMOKE, FinishedDemo, command_environment

TINY = ROOT / "recipes/study/sweeps/tiny.yaml"
ARGUMENTS = ("--sweep", str(TINY), "--data", str(SMOKE), "--limit", "6", "--workers", "1", "--alone", "1")


def study(work: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "demo.study", str(work), *ARGUMENTS]
    env = command_environment(COLUMNS="200")
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def work(finished_demo: FinishedDemo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder that has the demo's world, data and stamps."""
    folder = tmp_path_factory.mktemp("study") / "work"
    folder.mkdir()
    for name in ("world", "data", "tower"):
        (folder / name).symlink_to(finished_demo.work / name)
    (folder / ".stages").mkdir()
    for name in DATA:
        shutil.copy(finished_demo.work / ".stages" / name, folder / ".stages" / name)
    return folder


@pytest.mark.soak
def test_the_tiny_study(work: Path) -> None:
    done = study(work)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    assert done.stderr.count("done before") == len(DATA)
    report = (work / FOLDER / "report.html").read_text(encoding="utf-8")
    assert "4 of 4 runs scored" in report
    assert "shared trunks save 33% of the tokens and " in report
    assert "Trained without sharing, 1 of the 4 runs took" in report
    assert "Score against switch point" in report
    assert "(schedule:" not in report
    assert AS_REGISTERED in report
    results = json.loads(next(work.glob("study/nodes/*/scores/results.json")).read_text())
    assert set(results["tasks"]) == {"vqav2", "gqa", "pope", "loss-text"}
    again = study(work)
    assert again.returncode == 0
    assert again.stderr.count("done before") == len(stages(Options(TINY, SMOKE, alone=1)))


def test_dry_run_prints_the_commands() -> None:
    argv = [sys.executable, "-m", "demo.study", "nowhere", *ARGUMENTS, "--dry-run"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "curriculum sweep" in done.stdout
    assert "--alone" in done.stdout
