"""The folder tree is the architecture: who may import whom."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.commands import command_environment

ROOT = Path(__file__).parents[1]
PACKAGES = ("dataprep", "curriculum", "train", "demo", "schemas", "common", "switchpoint")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_arrows_run_downwards_and_in_no_circle(tmp_path: Path) -> None:
    """The contracts of `pyproject.toml`: packages, rooms, and no circle among them."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, env=command_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_linter_would_see_an_arrow_that_runs_up(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "schemas/order/floor_sum.py").open("a") as source:
        source.write("\nfrom curriculum.language import amounts as amounts\nfrom schemas import schedule as schedule\n")
    linter = Path(sys.executable).with_name("lint-imports")
    environment = command_environment(PYTHONPATH=str(tmp_path))
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "schemas is not allowed to import curriculum" in done.stdout
    assert "No cycles are allowed in schemas" in done.stdout


def test_pickle_is_never_used() -> None:
    """But for RefCOCO's official files."""
    for package in PACKAGES:
        for path in {*(ROOT / package).rglob("*.py")} - {ROOT / "common/plain_pickle.py"}:
            assert not imports(path) & {"pickle", "cPickle", "dill", "joblib", "shelve"}, path


def test_no_file_holds_two_things() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_every_module_has_its_test_file_or_names_the_one_that_covers_it() -> None:
    """`tests/` mirrors the packages; `tests/mirror.txt` lists the exceptions."""
    lines = (ROOT / "tests/mirror.txt").read_text(encoding="utf-8").splitlines()
    listed = dict(line.split() for line in lines if not line.startswith("#"))
    assert len(listed) == len(lines) - 1, "listed twice"
    alone = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    alone = {name for name in alone if not name.endswith("/__init__.py") and is_long(name) and not has_own(name)}
    assert sorted(alone - listed.keys()) == [], "write the test file, or name one in tests/mirror.txt"
    assert [name for pair in listed.items() for name in pair if not (ROOT / name).is_file()] == []


def is_long(module: str) -> bool:
    return len((ROOT / module).read_text(encoding="utf-8").splitlines()) > 40


def has_own(module: str) -> bool:
    folder, _, name = module.rpartition("/")
    return (ROOT / "tests" / folder / f"test_{name}").is_file()
