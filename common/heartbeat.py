"""Says every ten seconds what a process is doing while it says nothing else, so that no start is silent for long.

A process has one heartbeat. Whoever knows what is being done names it with `at`; where nothing beats (tests, a library
call) that has no effect.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY_S = float(os.environ.get("SWITCHPOINT_HEARTBEAT_S", "10"))
"""Seconds between two lines."""


def eta(left: float, done: float, seconds: float) -> str:
    """Time left, at the pace so far; `?` before anything is done."""
    if not done:
        return "?"
    estimate = round(seconds / done * left)
    hours, minutes = divmod(estimate // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {estimate % 60:02} s"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Heartbeat:
    """Knows what is being done since when, and when something was last said."""

    def __init__(self, say: Callable[[str], None], every: float, first: float | None = None) -> None:
        self._say, self._every = say, every
        self._part, self._total, self._done = "starting", 0, 0
        self._began = time.monotonic()
        self._said = self._began - every + (every if first is None else first)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Starts the thread that says what is being done."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; nothing more is said."""
        self._over.set()
        self._thread.join(self._every + 5)

    def at(self, part: str, total: int = 0) -> None:
        """Notes that `part` begins; `total` are the steps that `done` will count, 0 if nothing is counted."""
        self._part, self._total, self._done, self._began = part, total, 0, time.monotonic()

    def done(self, count: int) -> None:
        """Counts `count` more steps of the part as done."""
        self._done += count

    def said(self) -> None:
        """Notes that something else was said just now."""
        self._said = time.monotonic()

    def _beat(self) -> None:
        while not self._over.wait(self._every / 4):
            now = time.monotonic()
            if now - self._said >= self._every:
                self._said = now
                self._say(self._line(now - self._began))

    def _line(self, seconds: float) -> str:
        if not self._total:
            return f"{self._part}: {seconds:.0f} s"
        left = eta(max(0, self._total - self._done), self._done, seconds)
        return f"{self._part}: {self._done:,} of {self._total:,}, {seconds:.0f} s, ETA {left}"


_current: Heartbeat | None = None


@contextmanager
def beating(
    part: str, say: Callable[[str], None] = _to_stderr, every: float = EVERY_S, *, soon: bool = False
) -> Iterator[None]:
    """While the block runs, say every `every` seconds what is being done, `part` first; of nested blocks one beats.

    Args:
        soon: say the first line after half that time: the process that started this one was silent meanwhile.
    """
    global _current
    if _current is not None:
        at(part)
        yield
        return
    _current = Heartbeat(say, every, first=every / 2 if soon else every)
    _current.at(part)
    _current.start()
    try:
        yield
    finally:
        _current.stop()
        _current = None


def at(part: str, total: int = 0) -> None:
    """Name what is being done from now on; `total` are the steps that `done` will count."""
    if _current is not None:
        _current.at(part, total)


def done(count: int = 1) -> None:
    """Count steps of the part that `at` has named."""
    if _current is not None:
        _current.done(count)


def said() -> None:
    """Tell the heartbeat that something else was said just now."""
    if _current is not None:
        _current.said()
