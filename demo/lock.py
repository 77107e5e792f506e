"""One `make demo` at a time in a work folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import InputError


@contextlib.contextmanager
def exclusive(work: Path) -> Iterator[None]:
    """Hold the folder while the block runs. The kernel lets go when this process ends, however it ends.

    Raises:
        InputError: another demo holds it.
    """
    work.mkdir(parents=True, exist_ok=True)
    # O_CLOEXEC: stages must not inherit the lock, or an orphan would hold it for ever.
    handle = os.open(work / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise InputError("another demo runs in this folder", file=work, remedy="wait for it, or name another") from None
    try:
        yield
    finally:
        os.close(handle)
