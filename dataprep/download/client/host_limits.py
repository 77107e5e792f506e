"""Politeness towards each host: how many connections at once, how fast, and when not to ask at all.

A list of URLs is a list of other people's machines. Uids are dealt out by hash, so a host's URLs are spread over all
tasks, but a popular host still has a row in twenty, and sixty-four threads find each other there. Each host therefore
has so many slots, a least time between two requests, and a time before which it wants no more of them: a
`Retry-After` speaks for the host, not for the one URL that happened to ask. Waiting here is our doing, so it is not
counted against the server's deadline.

A host that does not answer at all is given up after so many requests in a row. Otherwise every thread would come to
wait for it: of a host with a row in twenty and eight slots, each request taking ten seconds to fail, a task would not
see sixteen rows a second whatever the number of its threads.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dataprep.download.client.reasons import FetchError, Reason


@dataclass
class _Host:
    slots: threading.Semaphore | None
    next: float = 0.0
    """Clock time of the next request that the pace allows."""
    held_until: float = 0.0
    """Clock time before which the host asked not to be asked."""
    failures: int = 0
    """Requests in a row that got no answer."""


class HostLimits:
    """Shared by a task's threads; one instance a task.

    Args:
        connections: open at once to one host; None is no limit.
        interval: seconds from one request to a host to the next; 0 is no limit.
        max_wait: seconds; a host that asks to be left alone for longer is not asked again.
        failures: requests in a row without an answer, after which a host is given up; None is never.
        clock, sleep: replaced in tests.
    """

    def __init__(
        self,
        connections: int | None,
        interval: float,
        max_wait: float,
        failures: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connections, self._interval = connections, interval
        self._max_wait, self._failures = max_wait, failures
        self._clock, self._sleep = clock, sleep
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def slot(self, host: str) -> Iterator[float]:
        """Hold one of the host's slots, its turn having come; yields the seconds that this took.

        Raises:
            FetchError: the host asked to be left alone for longer than `max_wait` (RATE_LIMITED), or was given up
                (HOST_DOWN).
        """
        began = self._clock()
        state = self._state(host)
        if state.slots:
            state.slots.acquire()
        try:
            wait = self._turn(host, state)
            if wait > 0:
                self._sleep(wait)
            yield self._clock() - began
        finally:
            if state.slots:
                state.slots.release()

    def hold(self, host: str, seconds: float) -> None:
        """Let nobody ask `host` for `seconds` from now, as it wished."""
        state = self._state(host)
        with self._lock:
            state.held_until = max(state.held_until, self._clock() + seconds)

    def answered(self, host: str, *, well: bool) -> None:
        """Note that a request to `host` got an answer, whatever it said; or, without `well`, none."""
        state = self._state(host)
        with self._lock:
            state.failures = 0 if well else state.failures + 1

    def _state(self, host: str) -> _Host:
        with self._lock:
            state = self._hosts.get(host)
            if state is None:
                slots = None if self._connections is None else threading.Semaphore(self._connections)
                state = self._hosts[host] = _Host(slots)
            return state

    def _turn(self, host: str, state: _Host) -> float:
        """Take the next place in the host's queue; seconds until it comes."""
        with self._lock:
            now = self._clock()
            held = state.held_until - now
            if held > self._max_wait:
                raise FetchError(Reason.RATE_LIMITED, f"{host} asks to wait {held:.0f} s", retry_after=held)
            if self._failures is not None and state.failures >= self._failures:
                wait = self._max_wait + 1  # no use in trying again in this task
                raise FetchError(Reason.HOST_DOWN, f"{state.failures} requests without an answer", retry_after=wait)
            start = max(now, state.next, state.held_until)
            state.next = start + self._interval
            return start - now
