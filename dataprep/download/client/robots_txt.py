"""robots.txt by RFC 9309: which paths of a host our agent may ask for, fetched once for each host.

The standard library's parser takes the first rule that matches and knows no wildcards; the RFC, and the files that
sites have written since, want the longest match. Patterns come from strangers, so they are matched piece by piece from
the left, never by a regular expression that could be made to backtrack.

What the answer means: 2xx, its rules; 4xx (but 429), no rules; 429, 5xx, or no answer: the host must not be asked now,
which a later round may find changed.
"""

from __future__ import annotations

import threading
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dataprep.download.client.reasons import FetchError, Reason

MAX_BYTES = 500 * 1024
"""Of a file that are read; the RFC's least."""
FAILURE_SECONDS = 30.0
"""How long an answer that could not be had is remembered."""


@dataclass(frozen=True)
class Rules:
    """What one file says to one agent: (pattern, whether it allows), the longest pattern first."""

    rules: tuple[tuple[str, bool], ...] = ()

    def allow(self, target: str) -> bool:
        """Whether `target` (path and query, as in a request) may be asked for."""
        path = _normal(target)
        return next((allows for pattern, allows in self.rules if _matches(pattern, path)), True)


def parse(body: bytes, agent: str) -> Rules:
    """The rules of the groups for `agent`, or else of those for `*`; what cannot be read is skipped."""
    groups: dict[str, list[tuple[str, bool]]] = {}
    names: list[str] = []
    in_rules = True
    for line in body[:MAX_BYTES].decode("utf-8-sig", "replace").splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            names = [] if in_rules else names  # consecutive user-agent lines share the rules that follow
            in_rules = False
            names.append(value.lower())
            groups.setdefault(value.lower(), [])
        elif key in ("allow", "disallow"):
            in_rules = True
            if value:
                for name in names:
                    groups[name].append((_normal(value), key == "allow"))
    chosen = groups.get(agent.lower(), groups.get("*", []))
    return Rules(tuple(sorted(chosen, key=lambda rule: (-len(rule[0]), not rule[1]))))


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
        self._known: dict[str, Rules] = {}
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
        if not rules.allow(target):
            raise FetchError(Reason.ROBOTS_TXT, f"disallowed for {self._agent}")

    def _fetch(self, origin: str) -> Rules:
        until, reason, detail = self._failed.get(origin, (0.0, "", ""))
        if time.monotonic() < until:
            raise FetchError(reason, detail)
        try:
            status, body = self._load(origin)
            if status == 429 or status >= 500:
                raise FetchError(Reason.ROBOTS_UNAVAILABLE, f"robots.txt: HTTP {status}")
        except FetchError as error:
            self._failed[origin] = (time.monotonic() + FAILURE_SECONDS, error.reason, error.detail)
            raise
        return parse(body, self._agent) if 200 <= status < 300 else Rules()


def _normal(target: str) -> str:
    """Percent-encoding in one form, so that `/%61` and `/a` are one path; `*` and `$` keep their meaning."""
    return urllib.parse.quote(urllib.parse.unquote(target), safe="/?&=:@!$'()*+,;~-._")


def _matches(pattern: str, path: str) -> bool:
    anchored = pattern.endswith("$")
    first, *rest = (pattern[:-1] if anchored else pattern).split("*")
    if not path.startswith(first):
        return False
    return _pieces(rest, path, len(first), anchored)


def _pieces(pieces: Sequence[str], path: str, position: int, anchored: bool) -> bool:
    """Whether `pieces` occur in this order after `position`, the last one at the end if `anchored`."""
    if not pieces:
        return not anchored or position == len(path)
    *middle, last = pieces
    for piece in middle:
        found = path.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    if anchored:
        return path.endswith(last) and len(path) - len(last) >= position
    return path.find(last, position) >= 0
