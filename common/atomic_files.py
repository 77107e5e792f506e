"""Directories and files that are whole or absent: written beside their place, flushed, renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """A directory to fill, which takes the name `path` when the block ends well and is removed when it does not.

    Raises:
        InputError: something other than an empty directory is there already.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError("something is here already", file=path, remedy="name another directory, or remove this one")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        settle(partial)
        if path.exists():
            path.rmdir()
        partial.rename(path)
        flush(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    flush(partial)
    partial.replace(path)


def settle(folder: Path) -> None:
    """Give every file in `folder` the mode of a file created there (safetensors writes 0600), and flush all to disk."""
    probe = folder / ".mode"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            path.chmod(mode)
        flush(path)


def flush(path: Path) -> None:
    """Wait until a file or directory is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
