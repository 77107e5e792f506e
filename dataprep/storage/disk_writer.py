"""A local file that goes to disk while it is being written, so that the fsync before publishing has little left to do.

The kernel starts to write on its own only after many seconds; until then a finished shard is all in memory, and the
task would stand still while the disk takes it in. Here a second thread syncs what has been written so far, and the
task goes on filling the next piece.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

STRIDE = 8 << 20
"""Bytes after which a sync is asked for, if none is running."""


class WriteBehind:
    """A new file for writing; a context manager, which closes it without waiting for more than a running sync."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self._thread = ThreadPoolExecutor(1, "write-behind")
        self._running: Future[None] | None = None
        self._since = 0

    def write(self, data: Any) -> None:
        """Append the bytes of a buffer.

        Raises:
            OSError: the disk failed, now or since the last call.
        """
        view = memoryview(data).cast("B")
        while view:
            view = view[self._file.write(view) :]
        self._since += memoryview(data).nbytes
        if self._since >= STRIDE and (self._running is None or self._running.done()):
            if self._running:
                self._running.result()
            self._running, self._since = self._thread.submit(os.fdatasync, self._file.fileno()), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if self._running and error is None:
                self._running.result()
        finally:
            self._thread.shutdown()
            self._file.close()
