"""Reads a file of a server as a stream, buffered, because each request costs more than a few hundred kilobytes do."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pyarrow as pa

BUFFER = 256 << 10
"""Bytes fetched at least, unless told otherwise: images in a tar are smaller than this."""


def stream(
    read_at: Callable[[int, int], bytes], length: int, buffer: int = 0, ahead: Executor | None = None
) -> pa.PythonFile:
    """A seekable stream of `length` bytes.

    Args:
        read_at: takes a position and a number of bytes that are there, and gives all of them. What it raises must not
            be an OSError: that would say that the file is damaged.
        length: of the file.
        buffer: bytes to fetch at a time; `BUFFER` by default.
        ahead: fetches the next bytes of a file that is read from front to back, while these are worked on.
    """
    return pa.PythonFile(io.BufferedReader(_Raw(read_at, length, ahead), buffer or BUFFER), mode="r")


class _Raw(io.RawIOBase):
    """Unbuffered reads by position, none beyond the end."""

    def __init__(self, read_at: Callable[[int, int], bytes], length: int, ahead: Executor | None) -> None:
        self._read_at, self._length, self._position = read_at, length, 0
        self._ahead, self._end = ahead, 0
        self._next: tuple[int, Future[bytes]] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._length - self._position)
        if wanted <= 0:
            return 0
        buffer[:wanted] = self._fetch(wanted)
        in_order = 0 < self._position == self._end  # a first read says nothing: it may be a look at the head
        self._position += wanted
        self._end = self._position
        if self._ahead and in_order and (left := self._length - self._position):
            future = self._ahead.submit(self._read_at, self._position, min(len(buffer), left))
            self._next = (self._position, future)
        return wanted

    def _fetch(self, wanted: int) -> bytes:
        """Bytes from the position on, of those that were fetched ahead if they are the next."""
        found, self._next = self._next, None
        data = found[1].result() if found and found[0] == self._position else b""
        if len(data) < wanted:
            data += self._read_at(self._position + len(data), wanted - len(data))
        return data[:wanted]
