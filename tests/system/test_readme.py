"""The README's commands work as written, and the demo's page's by hand; what the README points to is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.helpers.browser import CHROMIUM, faults_of
from tests.helpers.commands import ROOT, SMOKE, FinishedDemo, command_environment


def blocks(page: str = "README.md") -> list[str]:
    """Shell blocks of a page."""
    return re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def run(command: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = command_environment(**more)
    return subprocess.run(shlex.split(command), cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)


@pytest.mark.soak
def test_the_main_job_runs_and_says_what_it_found(finished_demo: FinishedDemo) -> None:
    """So small a model has hardly learnt to see: the demo must say so, and so must its exit status (2 from make)."""
    assert blocks()[0].strip() == "make demo"
    clear = "clearly beats" in finished_demo.output
    assert clear or "does NOT clearly beat" in finished_demo.output
    assert finished_demo.status == (0 if clear else 2)


@pytest.mark.soak
def test_the_report_is_self_contained(finished_demo: FinishedDemo) -> None:
    html = (finished_demo.work / "report.html").read_text(encoding="utf-8")
    assert html.count("<svg") == 4
    assert not re.search(r"""(src|href)\s*=\s*["']https?:""", html)
    for title in ("Held-out questions", "Target and realised mix", "Loss by source", "Learning rate", "Reports"):
        assert f"<h2>{title}</h2>" in html
    linked = re.findall(r'<a href="([^"]*)"', html)
    assert len(linked) == 6
    assert all((finished_demo.work / path).is_file() for path in linked)
    assert html.count("right answer: ") == html.count('<img src="data:image/jpeg')
    assert all(f"<h2>{kind}: " in html for kind in ("Colour", "Count", "Existence", "Shape", "Side"))


@pytest.mark.soak
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1200, 400])
def test_nothing_of_the_report_overflows_or_is_cut_off(finished_demo: FinishedDemo, tmp_path: Path, width: int) -> None:
    for page in ("report.html", "runs/curriculum/report.html"):
        assert faults_of((finished_demo.work / page).read_text(encoding="utf-8"), tmp_path, width) == []


@pytest.mark.soak
def test_each_command_by_hand_runs_as_written(finished_demo: FinishedDemo) -> None:
    """In a finished folder each command finds its work done, or does it again, and says so with status 0."""
    work = finished_demo.work
    for name in ("dataprep", "train"):
        (work / name).symlink_to(ROOT / name)
    (work / "recipes").mkdir()
    (work / "recipes/demo").symlink_to(SMOKE)
    (block,) = blocks("docs/demo.md")
    commands = block.strip().splitlines()
    assert len(commands) == 7
    for command in commands:
        env = command_environment()
        done = subprocess.run(shlex.split(command), cwd=work, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


@pytest.mark.soak
def test_a_second_demo_reuses_everything_and_writes_the_same_report(finished_demo: FinishedDemo) -> None:
    work = finished_demo.work
    before = (work / "report.html").read_bytes()
    done = run("make demo", WORK=str(work), DEMO_ARGS=f"--recipes {SMOKE}")
    assert " ".join(done.stderr.split()).count("done before") == 13, done.stderr
    assert (work / "report.html").read_bytes() == before


def test_the_test_command_runs_tests() -> None:
    assert blocks()[1].strip() == "make test"
    done = run("make test", ARGS="-q -n 0 tests/schemas/order/test_permutation.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def test_what_the_readme_points_to_is_there() -> None:
    assert len(blocks()) == 2, "two commands"
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sum(link.endswith(".png") for link in links) == 1, "one picture"
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_tree_in_contributing_is_the_tree() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^    (\w+)/ ", text, re.MULTILINE))
    packages = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert listed <= packages
    assert {"dataprep", "curriculum", "train", "schemas", "recipes", "demo", "benchmarks", "tests", "docs"} <= listed
