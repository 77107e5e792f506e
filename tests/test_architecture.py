"""The folder tree is the architecture: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("dataprep", "curriculum", "train", "demo", "schemas", "common")
LEAVES = {"schemas", "common"}
"""What every package may import; `schemas` imports `common` alone, `common` nothing of ours."""


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_meet_only_in_leaves(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        others = imports(path) & set(PACKAGES) - {package}
        assert others <= (LEAVES if package not in LEAVES else {"common"}), path


def test_schedules_need_neither_spark_nor_torch() -> None:
    for package in ("schemas", "common", "curriculum"):
        for path in (ROOT / package).rglob("*.py"):
            assert not imports(path) & {"torch", "pyspark", "composer", "streaming"}, path


def test_pickle_is_never_used() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert not imports(path) & {"pickle", "cPickle", "dill", "joblib", "shelve"}, path


def test_no_file_holds_two_things() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
