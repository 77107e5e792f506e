"""Makes files and directories that are whole or absent: written beside their place, flushed to disk, renamed.

Whoever writes to a disk writes through here; object stores and HDFS have ways of their own (`dataprep.storage`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from common import file_lock
from common.errors import InputError

if TYPE_CHECKING:
    from typing_extensions import Buffer


@contextlib.contextmanager
def new_directory(path: Path, *, replace: bool = False, shared: bool = False) -> Iterator[Path]:
    """A directory to fill, which takes the name `path` when the block ends well and is removed when it does not.

    Args:
        replace: what is there goes when the new one is whole.
        shared: several processes may make the same directory at once; the first one to finish wins.

    Raises:
        InputError: something other than an empty directory is there already, or another process is making it, and
            `shared` (for the former also `replace`) was not said.
    """
    if not (replace or shared) and path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError("something is here already", file=path, remedy="name another directory, or remove this one")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path, shared=shared)
    with _alone(partial, path):
        try:
            yield partial
            try:
                take_place(partial, path, replace=not shared)
            except OSError:
                if not (shared and path.exists()):
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _alone(partial: Path, path: Path) -> Iterator[None]:
    """Makes the directory `partial`, empty, and holds its lock: two who make `path` would mix their files in it."""
    with contextlib.ExitStack() as held:
        try:
            if partial.exists():  # what a killed writer has left, unless its lock is held
                with _lock(partial):
                    shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            held.enter_context(_lock(partial))
        except (BlockingIOError, FileExistsError):
            remedy = "wait for it, or name another directory"
            raise InputError("another process is making this directory", file=path, remedy=remedy) from None
        yield


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    try:
        handle = file_lock.take(folder)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        yield
        return
    try:
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def new_file(path: Path, *, shared: bool = False, durable: bool = True) -> Iterator[Path]:
    """A path to write to, which takes the name `path` when the block ends well and is removed when it does not.

    Args:
        shared: several processes may make the same file at once; the last one to finish wins.
        durable: as for `rename`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path, shared=shared)
    try:
        yield partial
        rename(partial, path, durable=durable)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with new_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_all(file: RawIOBase, data: Buffer) -> None:
    """Write `data` to an unbuffered file, whole or with the error that says why not.

    A disk that fills up takes a part of it, which `write` reports by a number alone.
    """
    left = memoryview(data).cast("B")
    while left:
        left = left[file.write(left) :]


def rename(partial: Path, path: Path, *, durable: bool = True) -> None:
    """Give the finished file `partial` its name; its content is on disk before, unless it need not be `durable`.

    A name that outlives a power cut without its content would make a liar of whatever vouches for the file.
    """
    if durable:
        flush(partial)
    partial.replace(path)


def beside(path: Path, attempt: str) -> Path:
    """Where several processes that agree on `attempt` make the directory `path` together; `leftovers` finds it."""
    return path.with_name(f".{path.name}.{attempt}.partial")


def take_place(partial: Path, path: Path, *, replace: bool = True) -> None:
    """Give the finished directory `partial` its name, with all of its content on disk; what is there may go."""
    settle(partial)
    if replace and path.exists():
        remove_directory(path)
    partial.rename(path)
    flush(path.parent)


def remove_directory(path: Path) -> None:
    """Remove a directory: it has lost its name before it loses its first file."""
    going = _beside(path, shared=True)
    path.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def leftovers(folder: Path) -> list[Path]:
    """Lists what killed writers have left in `folder`."""
    return sorted(folder.glob(".*.partial"))


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


def _beside(path: Path, *, shared: bool) -> Path:
    """Where `path` is made. A writer that is alone finds the place of its killed predecessor again."""
    return beside(path, uuid.uuid4().hex) if shared else path.with_name(f".{path.name}.partial")
