"""One command over all packages, as a source tree and as an installed wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from common.version import VERSION
from switchpoint.__main__ import COMMANDS, main
from tests.helpers.commands import ROOT, command_environment

HEAVY = ("torch", "pyspark", "pyarrow", "composer", "streaming", "transformers", "tokenizers", "PIL")


def test_every_command_has_help_without_torch_or_spark(tmp_path: Path) -> None:
    """In one process, where importing either fails."""
    script = f"""
import sys
for name in {HEAVY}:
    sys.modules[name] = None
from switchpoint.__main__ import main
for name in {list(COMMANDS)}:
    try:
        main([name, "--help"])
    except SystemExit as end:
        assert end.code == 0, name
    else:
        raise AssertionError(name)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=command_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(f"switchpoint {name}" in done.stdout for name in COMMANDS)


def test_version_and_mistakes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"switchpoint {VERSION}\n"
    for command in ("verify", "report"):
        assert main([command, str(tmp_path)]) == 2
        assert capsys.readouterr().err.startswith(f"error: {tmp_path}: no dataset, run, sweep or export here")


def test_the_jobs_script_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "text"]) == 0
    assert capsys.readouterr().out.strip() == str(ROOT / "dataprep/jobs/text.py")


@pytest.mark.slow
def test_a_wheel_works_in_any_folder_beside_a_users_own_train_py(tmp_path: Path) -> None:
    """Built, installed without any extra into a new environment, started in a folder that holds a `train.py`."""
    source, target, folder = (tmp_path / name for name in ("source", "env", "own"))
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        if not name.startswith(("tests/", "benchmarks/")) and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"common/py.typed", "train/py.typed", "dataprep/jobs/text.py"} <= set(names)

    venv.create(target, with_pip=False)
    subprocess.run(
        [*pip, "--python", str(target / "bin/python"), "install", "--no-deps", "--no-index", str(wheel)], check=True
    )
    (packages,) = target.glob("lib/python*/site-packages")
    # What the core needs lies in this environment: its folder follows the new one's on the path.
    (packages / "core.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    folder.mkdir()
    (folder / "train.py").write_text("raise SystemExit('the user's own file ran')\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def started(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(target / "bin/switchpoint"), *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    for name in COMMANDS:
        done = started(name, "--help")
        assert done.returncode == 0, done.stderr
    assert started("jobs", "pairs").stdout.strip() == str(packages / "dataprep/jobs/pairs.py")
    recipes = Path(started("recipes").stdout.strip())
    assert recipes.is_relative_to(target)
    assert (
        started("prepare", "text", str(recipes / "demo/text.yaml"), "--dry-run", "--", "--master", "x").returncode == 2
    )
    assert {file.name for file in recipes.parent.iterdir()} >= {"constraints.txt", "docs", "recipes"}
    for file in filter(None, tracked.stdout.split("\0")):
        if file.startswith("recipes/"):
            assert (recipes.parent / file).read_bytes() == (ROOT / file).read_bytes()

    def job(name: str) -> subprocess.CompletedProcess[str]:
        command = [str(target / "bin/python"), str(packages / f"dataprep/jobs/{name}.py"), "--help"]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    (packages / "dataclasses.py").write_text("raise SystemExit('a neighbour of the package shadows the library')\n")
    done = job("text")
    assert done.returncode == 0, done.stderr
    assert "settings of JOB.yaml:" in done.stdout
    (packages / "pyspark.py").write_text("raise ModuleNotFoundError('No module named pyspark', name='pyspark')\n")
    for name in ("text", "pairs", "download", "conversations"):
        done = job(name)
        assert (done.returncode, done.stderr) == (
            2,
            "error: pyspark is not installed; pip install 'switchpoint[spark]'\n",
        )
    missing = started("compile", "missing.yaml", "-o", "schedule.json")
    assert missing.returncode == 2
    assert missing.stderr.startswith("error: missing.yaml:")
