"""Reads a file of a server as a stream, buffered, because each request costs more than a few hundred kilobytes do."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa

BUFFER = 256 << 10
"""Bytes fetched at least, unless told otherwise: images in a tar are smaller than this."""


def stream(read_at: Callable[[int, int], bytes], length: int, buffer: int = 0) -> pa.PythonFile:
    """A seekable stream of `length` bytes.

    Args:
        read_at: takes a position and a number of bytes that are there, and gives all of them. What it raises must not
            be an OSError: that would say that the file is damaged.
        length: of the file.
        buffer: bytes to fetch at a time; `BUFFER` by default.
    """
    return pa.PythonFile(io.BufferedReader(_Raw(read_at, length), buffer or BUFFER), mode="r")


class _Raw(io.RawIOBase):
    """Unbuffered reads by position, none beyond the end."""

    def __init__(self, read_at: Callable[[int, int], bytes], length: int) -> None:
        self._read_at, self._length, self._position = read_at, length, 0

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
        buffer[:wanted] = self._read_at(self._position, wanted)
        self._position += wanted
        return wanted
