"""Finds, lists and prunes the checkpoints of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from common.errors import InputError
from train.checkpoint.state import read

FOLDER = "checkpoints"


_PARTIAL = ".partial-"


def complete(folder: Path) -> list[Path]:
    """Checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir()) if folder.is_dir() else []


def outdated(folder: Path, keep: int) -> list[Path]:
    """Interval checkpoints in `folder` but for the newest `keep`."""
    return [path for path in complete(folder) if not read(path).lasting][:-keep]


def prune(folder: Path, keep: int, spare: str | None = None) -> None:
    """Remove what is outdated, except `spare`."""
    for path in outdated(folder, keep):
        if path.name != spare:
            going = folder / f"{_PARTIAL}{path.name}"  # no longer a checkpoint, should this be killed half-way
            path.rename(going)
            shutil.rmtree(going, ignore_errors=True)


def find(path: Path) -> Path:
    """The checkpoint that `path` means: itself, or the latest of the run whose output directory it is.

    Raises:
        InputError: there is none.
    """
    if (path / "state.json").is_file():
        return path
    found = complete(path / FOLDER) or complete(path)
    if not found:
        raise InputError(
            "no checkpoint here", file=path, remedy="give a run's `out` directory or one of its checkpoints"
        )
    return found[-1]
