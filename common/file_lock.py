"""One writer at a time: a file lock that the kernel takes back when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError


@contextlib.contextmanager
def exclusive(file: Path, doing: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock `file`, which stays afterwards, while the block runs; `doing` names what its holder does.

    Raises:
        InputError: another process holds it, and this one is not to `wait`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # O_CLOEXEC: programs started meanwhile must not inherit the lock, or an orphan would hold it for ever.
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        remedy = "wait for it, or name another folder"
        raise InputError(f"another {doing} runs in this folder", file=file.parent, remedy=remedy) from None
    try:
        yield
    finally:
        os.close(handle)
