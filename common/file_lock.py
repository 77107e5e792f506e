"""Lets one writer in at a time: a lock that the kernel takes back when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError


@contextlib.contextmanager
def exclusive(place: Path, doing: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock `place` while the block runs.

    Args:
        place: a directory, which is left as it is, or a file, which is made and stays.
        doing: names what the holder does, for the message.
        wait: until another holder lets go.

    Raises:
        InputError: another process holds it, and this one is not to `wait`; or `place` cannot be opened.
    """
    folder = place if place.is_dir() else place.parent
    try:
        handle = take(place, wait=wait)
    except BlockingIOError:
        remedy = "wait for it, or name another folder"
        raise InputError(f"another {doing} runs in this folder", file=folder, remedy=remedy) from None
    except OSError as error:
        raise InputError(f"cannot be locked ({error.strerror})", file=place, remedy="check its permissions") from None
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)  # a forked child may hold a copy of the handle
        os.close(handle)


def take(place: Path, *, wait: bool = False) -> int:
    """Lock a directory, or a file that is made if need be; returns the descriptor whose end is the lock's.

    Raises:
        BlockingIOError: another process holds it, and this one is not to `wait`.
        OSError: it cannot be opened, or its file system has no locks.
    """
    flags = os.O_RDONLY
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT
    # O_CLOEXEC: programs started meanwhile must not inherit the lock, or an orphan would hold it for ever.
    handle = os.open(place, flags | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(handle)
        raise
    return handle
