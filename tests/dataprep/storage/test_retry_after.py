"""Both forms of Retry-After are read, as RFC 9110 (section 10.2.3) gives them; anything else asks for nothing."""

from __future__ import annotations

import pytest

from dataprep.storage import retry_after as module
from dataprep.storage.retry_after import retry_after

RFC_DATE = "Fri, 31 Dec 1999 23:59:59 GMT"
RFC_SECONDS = 946_684_799.0
"""The example date of RFC 9110, and its Unix time (`date -u -d @946684799`)."""


def test_the_examples_of_the_rfc(monkeypatch: pytest.MonkeyPatch) -> None:
    assert retry_after({"Retry-After": "120"}) == 120.0
    monkeypatch.setattr(module.time, "time", lambda: RFC_SECONDS - 30)
    assert retry_after({"Retry-After": RFC_DATE}) == 30.0
    monkeypatch.setattr(module.time, "time", lambda: RFC_SECONDS + 30)
    assert retry_after({"Retry-After": RFC_DATE}) == 0.0


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "\u0661", "31 Foo 1999"])
def test_what_is_neither_form_asks_for_nothing(value: str) -> None:
    assert retry_after({"Retry-After": value}) is None
    assert retry_after({}) is None
