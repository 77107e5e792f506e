"""Reads the header by which a busy server says when it may be asked again."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from email.message import Message


def retry_after(headers: Mapping[str, str] | Message) -> float | None:
    """Seconds that the server asks to wait, from either form of Retry-After; None when absent or unreadable."""
    value = str(headers.get("Retry-After", "")).strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
