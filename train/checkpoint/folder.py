"""Finds, lists and prunes the checkpoints of a run."""

from __future__ import annotations

from pathlib import Path

from common import atomic_files
from common.errors import InputError
from train.checkpoint.names import is_checkpoint
from train.checkpoint.state import read

FOLDER = "checkpoints"


def complete(folder: Path) -> list[Path]:
    """Checkpoints in `folder`, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_checkpoint(path.name) and path.is_dir())


def outdated(folder: Path, keep: int) -> list[Path]:
    """Interval checkpoints in `folder` but for the newest `keep`."""
    return [path for path in complete(folder) if not _stays(path)][:-keep]


def prune(folder: Path, keep: int, spare: str | None = None) -> None:
    """Remove what is outdated, except `spare`."""
    for path in outdated(folder, keep):
        if path.name != spare:
            atomic_files.remove_directory(path)


def _stays(path: Path) -> bool:
    """Whether pruning must leave a checkpoint; one that cannot be understood is left."""
    try:
        return read(path).lasting
    except InputError:
        return True


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
