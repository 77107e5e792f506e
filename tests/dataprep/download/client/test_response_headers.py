from __future__ import annotations

import email.utils
import time
from email.message import Message

import pytest

from dataprep.download.client.response_headers import opted_out
from dataprep.storage.retry_after import retry_after


def headers(name: str, *values: str) -> Message:
    message = Message()
    for value in values:
        message[name] = value
    return message


@pytest.mark.parametrize(
    ("values", "out"),
    [
        (["noai"], True),
        (["NoAI, noindex"], True),
        (["all", "max-snippet: 5, noai"], True),
        (["switchpoint: noai"], True),
        (["otherbot: noai"], False),
        (["otherbot: noindex, noai"], False),
        (["otherbot: noai", "noai"], True),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], True),
        (["all"], False),
        ([], False),
    ],
)
def test_opting_out(values: list[str], out: bool) -> None:
    assert opted_out(headers("X-Robots-Tag", *values), "switchpoint", frozenset(["noai"])) is out


def test_retry_after_in_seconds_or_as_a_date() -> None:
    assert retry_after(headers("Retry-After", " 120 ")) == 120.0
    assert 0 < (retry_after(headers("Retry-After", email.utils.formatdate(time.time() + 60))) or 0) < 61
    assert retry_after(headers("Retry-After", email.utils.formatdate(0))) == 0.0
    assert retry_after(headers("Retry-After", "soon")) is None
    assert retry_after(Message()) is None
