"""Gives the readers of official files a sample world's folders, and a copy of one to damage."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import official
from train.evaluation import official_files


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Official folders of vqav2, gqa, pope and refcoco, and `questions.json`; never written by a test."""
    return official.world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def copied(held_out: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A task's folder of its own, to damage."""
    return lambda task: Path(shutil.copytree(held_out / task, tmp_path, dirs_exist_ok=True))


@pytest.fixture(autouse=True)
def every_line_again() -> None:
    """`official_files.say` says a line once in a process: here, once in a test."""
    official_files.say.cache_clear()
