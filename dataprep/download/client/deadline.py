"""Sets one deadline for a whole fetch: connecting, TLS, redirects, headers and body together.

A socket's own time-out starts again with every byte, so a server that sends one byte every nine seconds holds a thread
with a ten-second time-out for ever. Here each wait gets the smaller of the per-wait time-out and what is left in total.
"""

from __future__ import annotations

import io
import socket
import time
from typing import TYPE_CHECKING

from dataprep.download.client.reasons import FetchError, Reason

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Deadline:
    """`total` seconds for everything, at most `each` seconds for one wait."""

    def __init__(self, total: float, each: float) -> None:
        self._end, self._each = time.monotonic() + total, each

    def extend(self, seconds: float) -> None:
        """Do not count `seconds` that went by: we waited on our own account."""
        self._end += seconds

    def left(self) -> float:
        """Seconds that the next wait may take. Raises FetchError(TIMEOUT) when the total is used up."""
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise self.timed_out()
        return min(self._each, remaining)

    def timed_out(self) -> FetchError:
        """Builds the error of a wait that has just timed out: the total time is used up, or nothing came."""
        spent = time.monotonic() >= self._end
        return FetchError(Reason.TIMEOUT, "total time used up" if spent else f"nothing for {self._each:g} s")


class DeadlineSocket:
    """Offers what `http.client` needs of a socket, every wait under a `Deadline`."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def sendall(self, data: bytes) -> None:
        """Send all of `data`; the time-out covers the whole call."""
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """A buffered reader, as `socket.makefile("rb")`."""
        assert mode == "rb"
        return io.BufferedReader(_DeadlineReader(self._connection, self._deadline), 65536)


class _DeadlineReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(buffer)
