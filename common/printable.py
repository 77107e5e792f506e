"""Finds and spells out characters of foreign texts that would break a line or steer a terminal."""

from __future__ import annotations

import re

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters (Unicode's Cc) and the two separators that end a line."""


def has_controls(text: str) -> bool:
    """Whether `text` has a control character or a line break of any kind."""
    return _CONTROLS.search(text) is not None


def escaped(text: str) -> str:
    """Spell control characters out, as Python does (`\\n`, `\\x1b`)."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
