"""Tests of which folders are a run's checkpoints, which of them pruning takes, and which one a path means."""

import shutil
from pathlib import Path

import pytest

from common import atomic_files
from common.errors import InputError
from schemas.schedule import Schedule
from tests.helpers.checkpoints import copied_to
from train.checkpoint import folder


def stands_at(path: Path) -> list[int]:
    return [int(one.name) for one in folder.complete(path)]


@pytest.fixture
def four(saved_out: Path, saved_schedule: Schedule) -> Path:
    """A folder of checkpoints at 8 and 48, which stay, and at 16, 24 and 32."""
    place = saved_out / "checkpoints"
    for position in (16, 24, 32, 48):
        copied_to(place / f"{8:015d}", position, saved_schedule, lasting=position == 48)
    return place


def test_checkpoints_are_folders_of_an_exact_name_oldest_first(tmp_path: Path) -> None:
    assert folder.complete(tmp_path / "none") == []
    for name in (f"{100:015d}", f"{9:015d}", "1-best", f"{72:015d}.bak", ".000000000000008.partial"):
        (tmp_path / name).mkdir()
    (tmp_path / f"{50:015d}").touch()
    assert stands_at(tmp_path) == [9, 100]


def test_pruning_keeps_the_newest_and_what_must_stay(four: Path) -> None:
    assert [int(one.name) for one in folder.outdated(four, 1)] == [16, 24]
    folder.prune(four, 1, spare=f"{16:015d}")
    assert stands_at(four) == [8, 16, 32, 48]
    folder.prune(four, 1)
    assert stands_at(four) == [8, 32, 48]


def test_a_checkpoint_that_cannot_be_understood_is_left(four: Path) -> None:
    (four / f"{16:015d}/state.json").write_text("{")
    folder.prune(four, 1)
    assert stands_at(four) == [8, 16, 32, 48]


def test_a_checkpoint_that_was_half_removed_is_none(four: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it prunes, a run must not be left with a directory that looks like a checkpoint."""

    class Killed(BaseException):
        pass

    def dies(path: Path, **_: object) -> None:
        next(file for file in sorted(path.iterdir())).unlink()
        raise Killed

    monkeypatch.setattr(atomic_files.shutil, "rmtree", dies)
    with pytest.raises(Killed):
        folder.prune(four, 1)
    assert stands_at(four) == [8, 24, 32, 48]
    for path in folder.complete(four):
        assert {file.name for file in path.iterdir()} >= {"model.safetensors", "optimizer.safetensors", "state.json"}


def test_a_path_means_a_checkpoint_or_the_latest_of_its_run(four: Path, tmp_path: Path) -> None:
    assert folder.find(four / f"{16:015d}") == four / f"{16:015d}"
    assert folder.find(four) == folder.find(four.parent) == four / f"{48:015d}"
    alone = Path(shutil.copytree(four / f"{24:015d}", tmp_path / "my copy"))
    assert folder.find(alone) == alone
    with pytest.raises(InputError, match="none: no checkpoint here; give a run's `out` directory or one of its check"):
        folder.find(tmp_path / "none")
