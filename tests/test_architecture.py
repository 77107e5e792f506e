"""The folder tree is the architecture: who may import whom."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

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
    pairs = mirrored()
    listed = dict(pairs)
    assert len(listed) == len(pairs), "listed twice"
    alone = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    alone = {name for name in alone if not name.endswith("/__init__.py") and is_long(name) and not has_own(name)}
    assert sorted(alone - listed.keys()) == [], "write the test file, or name one in tests/mirror.txt"
    assert [name for pair in listed.items() for name in pair if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("kind", ["of its own", "that covers it"])
def test_a_modules_test_file_has_to_do_with_it(kind: str) -> None:
    """It names the module, or imports or runs a door that leads there within three imports."""
    known = {dotted(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    if kind == "that covers it":
        pairs = [(ROOT / module, ROOT / test) for module, test in mirrored()]
    else:
        modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
        pairs = [(module, own_test(str(module.relative_to(ROOT)))) for module in modules]
    strange = [str(test) for module, test in pairs if test.is_file() and dotted(module) not in reached(test, known)]
    assert strange == []


def test_a_test_file_that_is_about_something_else_is_found(tmp_path: Path) -> None:
    known = {dotted(path) for path in (ROOT / "schemas").rglob("*.py")}
    (tmp_path / "test_x.py").write_text("import json\nfrom schemas.order import ramp\n")
    found = reached(tmp_path / "test_x.py", known)
    assert "schemas.order.ramp" in found
    assert "schemas.manifest" not in found


def dotted(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def reached(test: Path, known: set[str]) -> set[str]:
    """Names that a test file imports, runs or has, and those of what they name, three times over."""
    found = named(test)
    for _ in range(3):
        paths = {ROOT / f"{name.replace('.', '/')}.py" for name in found if name in known or name.startswith("tests.")}
        found = found.union(*(named(path) for path in paths if path.is_file()))
    return found


@cache
def named(path: Path) -> frozenset[str]:
    """Dotted names that a file imports, runs (`-m NAME`, `make NAME`, the path of a script) or has as a text."""
    text = path.read_text(encoding="utf-8")
    found = {f"{name}.__main__" for name in re.findall(r"(?:-m\W{1,4}|make )([a-z][a-z_.]*)", text)}
    found |= {name.replace("/", ".") for name in re.findall(r"([a-z_/]+)\.py\b", text)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(re.findall(r"[a-z_]+(?:\.[a-z_]+)+", node.value))
            found |= {f"{door}.{name}" for door, name in re.findall(r"from ([a-z_.]+) import ([a-z_]+)", node.value)}
        elif isinstance(node, ast.JoinedStr):
            found |= {
                f"{start}{name.replace('-', '_')}"
                for start in _starts(node)
                for name in re.findall(r'"([a-z_-]+)"', text)
            }
    return frozenset(found)


def _starts(text: ast.JoinedStr) -> list[str]:
    """The package that a text like `f"curriculum.commands.{name}"` begins with."""
    first = text.values[0]
    found = re.fullmatch(r"([a-z_]+\.)+", first.value) if isinstance(first, ast.Constant) else None
    return [found[0]] if found else []


def mirrored() -> list[tuple[str, str]]:
    """(module, the test file that covers it) of `tests/mirror.txt`."""
    lines = (ROOT / "tests/mirror.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split() for line in lines if not line.startswith("#")]
    return [(module, test) for module, test in found]


def is_long(module: str) -> bool:
    return len((ROOT / module).read_text(encoding="utf-8").splitlines()) > 40


def has_own(module: str) -> bool:
    return own_test(module).is_file()


def own_test(module: str) -> Path:
    folder, _, name = module.rpartition("/")
    return ROOT / "tests" / folder / f"test_{name}"
