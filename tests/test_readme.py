"""The README's commands work as written: the main job, the tests, and each way of use, at a small size."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "recipes/smoke"


def blocks() -> list[str]:
    """Shell blocks of the README."""
    return re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def environment(**more: str) -> dict[str, str]:
    bin_ = str(Path(sys.executable).parent)
    venv = {"VENV": str(Path(sys.prefix))}
    return {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **venv, **more}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole, small demo, made by the README's first command."""
    work = tmp_path_factory.mktemp("readme") / "demo-run"
    assert blocks()[0].strip() == "make demo"
    env = environment(WORK=str(work), DEMO_ARGS=f"--recipes {SMOKE}")
    done = subprocess.run(["make", "demo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
    # So small a model has not learnt to see: the demo must say so, and its exit status too (make shows it as an error).
    assert (work / "report.html").is_file(), done.stdout[-3000:] + done.stderr[-6000:]
    clear = "clearly beats" in done.stdout
    assert clear or "does NOT clearly beat" in done.stdout
    assert done.returncode == (0 if clear else 2)
    return work


@pytest.mark.slow
def test_the_report_is_self_contained(work: Path) -> None:
    html = (work / "report.html").read_text(encoding="utf-8")
    assert html.count("<svg") == 4
    assert not re.search(r"""(src|href)\s*=\s*["']https?:""", html)
    for title in ("Held-out questions", "Target and realised mix", "Loss", "Learning rate", "Data"):
        assert f"<h2>{title}</h2>" in html


@pytest.mark.slow
def test_each_way_of_use_runs_as_written(work: Path) -> None:
    """In a finished folder each command finds its work done, or does it again, and says so with status 0."""
    for name in ("dataprep", "train"):
        (work / name).symlink_to(ROOT / name)
    (work / "recipes").mkdir()
    (work / "recipes/demo").symlink_to(SMOKE)
    commands = blocks()[2].strip().splitlines()
    assert len(commands) == 7
    for command in commands:
        env = environment(PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable)
        done = subprocess.run(shlex.split(command), cwd=work, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


@pytest.mark.slow
def test_a_second_demo_reuses_everything_and_writes_the_same_report(work: Path) -> None:
    before = (work / "report.html").read_bytes()
    env = environment(WORK=str(work), DEMO_ARGS=f"--recipes {SMOKE}")
    done = subprocess.run(["make", "demo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.stderr.count("done before") == 12, done.stderr
    assert (work / "report.html").read_bytes() == before


def test_the_test_command_runs_tests() -> None:
    assert blocks()[1].strip() == "make test"
    env = environment(ARGS="-q tests/schemas/test_permutation.py")
    done = subprocess.run(["make", "test"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def test_the_tree_in_the_readme_is_the_tree() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^    (\w+)/ ", text, re.MULTILINE))
    packages = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert listed <= packages
    assert {"dataprep", "curriculum", "train", "schemas", "recipes", "demo", "benchmarks", "tests", "docs"} <= listed
