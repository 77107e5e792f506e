"""Gives tests a run's output directory with one checkpoint, at position 8, and its schedule."""

import shutil
from pathlib import Path

import pytest

from schemas.schedule import Schedule
from tests.helpers import checkpoints


@pytest.fixture(scope="session")
def one_saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `out` and `schedule.json`; never written by a test."""
    folder = tmp_path_factory.mktemp("saved")
    checkpoints.checkpoint(folder, encoder=checkpoints.PATCH)
    return folder


@pytest.fixture
def saved_out(one_saved: Path, tmp_path: Path) -> Path:
    """A copy of the output directory, to change."""
    return Path(shutil.copytree(one_saved / "out", tmp_path / "out"))


@pytest.fixture
def saved_schedule(one_saved: Path) -> Schedule:
    """The schedule of the run."""
    return Schedule.load(one_saved / "schedule.json")
