"""Fetches each host's robots.txt once and says which of its paths our agent may ask for, by RFC 9309.

Protego reads the files: the longest rule that matches wins, `*` and `$` are known, and patterns, which come from
strangers, are matched from the left without backtracking. (The standard library's parser takes the first rule.)

What the answer means: 2xx, its rules; 4xx (but 429), no rules; 429, 5xx, or no answer: the host must not be asked now,
which a later round may find changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from protego import Protego

from dataprep.download.client.reasons import FetchError, Reason

MAX_BYTES = 500 * 1024
"""Of a file that are read; the RFC's least."""
MAX_RULES = 500_000
"""Lines with an agent, times others; large real files come to a tenth."""
FAILURE_SECONDS = 30.0
"""How long an answer that could not be had is remembered."""


def parse(body: bytes) -> Protego:
    """The rules of a file, whatever its bytes; what cannot be read is skipped.

    Raises:
        FetchError: the file would take gigabytes: each agent of a group has all its rules.
    """
    text = body[:MAX_BYTES].decode("utf-8-sig", "replace")
    lines = text.lower().splitlines()
    agents = sum("agent" in line for line in lines)
    if agents * (len(lines) - agents) > MAX_RULES:
        raise FetchError(Reason.ROBOTS_UNAVAILABLE, f"robots.txt: {agents:,} agents in {len(lines):,} lines")
    return Protego.parse(text)


class RobotsCache:
    """Rules by host, each fetched once whatever the number of threads that ask.

    Args:
        load: (scheme and authority) -> status and body of its robots.txt; raises FetchError.
        agent: whose rules count.
    """

    def __init__(self, load: Callable[[str], tuple[int, bytes]], agent: str) -> None:
        self._load, self._agent = load, agent
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, Protego] = {}
        self._failed: dict[str, tuple[float, str, str]] = {}

    def check(self, origin: str, target: str) -> None:
        """Return if `target` on `origin` (`https://a.example`) may be asked for.

        Raises:
            FetchError: it may not (ROBOTS_TXT), or nobody knows (ROBOTS_UNAVAILABLE, or why the host gave no answer).
        """
        with self._lock:
            lock = self._locks.setdefault(origin, threading.Lock())
        with lock:
            rules = self._known.get(origin)
            if rules is None:
                rules = self._known[origin] = self._fetch(origin)
        if not rules.can_fetch(origin + target, self._agent):
            raise FetchError(Reason.ROBOTS_TXT, f"disallowed for {self._agent}")

    def _fetch(self, origin: str) -> Protego:
        until, reason, detail = self._failed.get(origin, (0.0, "", ""))
        if time.monotonic() < until:
            raise FetchError(reason, detail)
        try:
            status, body = self._load(origin)
            if status == 429 or status >= 500:
                raise FetchError(Reason.ROBOTS_UNAVAILABLE, f"robots.txt: HTTP {status}")
            return parse(body if 200 <= status < 300 else b"")
        except FetchError as error:
            self._failed[origin] = (time.monotonic() + FAILURE_SECONDS, error.reason, error.detail)
            raise
