"""Reads the header by which a server limits use of its answer: X-Robots-Tag (opt-out).

`X-Robots-Tag: noai, noimageai` speaks to everyone, `X-Robots-Tag: otherbot: noindex` to one agent. Some directives
carry a value after a colon (`unavailable_after: 25 Jun 2030`), so not every colon names an agent.
"""

from __future__ import annotations

from email.message import Message

_WITH_VALUE = frozenset(["unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"])


def opted_out(headers: Message, agent: str, directives: frozenset[str]) -> bool:
    """Whether any X-Robots-Tag forbids the use to everyone or to `agent` by one of `directives` (lower case)."""
    for value in headers.get_all("X-Robots-Tag", []):
        concerns_us = True  # an agent's name holds for the directives that follow it on the line
        for part in str(value).lower().split(","):
            name, colon, rest = part.strip().partition(":")
            if colon and name not in _WITH_VALUE:
                concerns_us = name.strip() == agent.lower()
                name = rest
            if concerns_us and name.strip() in directives:
                return True
    return False
