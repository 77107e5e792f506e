"""`urlopen` of a row's number is a fetch of the row's URL, whose failure is handed over with the row."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from dataprep.download.client.address_guard import AddressGuard
from dataprep.download.client.fetch import Fetcher
from dataprep.download.client.fetch_limits import FetchPolicy
from dataprep.download.client.reasons import FetchError
from dataprep.download.opener import RowOpener, installed


def test_rows_are_opened_by_number_and_nothing_else_is(stranger: Any, picture: Any) -> None:
    good, gone = stranger.url("good/2"), stranger.url("status/404")
    rows = [{"uid": "a", "url": good}, {"uid": "b", "url": gone}, {"uid": "c", "url": "nan"}]
    failures: list[tuple[str, str]] = []

    def failed(row: Mapping[str, Any], failure: FetchError) -> None:
        failures.append((row["uid"], failure.reason))

    before = urllib.request._opener  # type: ignore[attr-defined]
    fetcher = Fetcher(FetchPolicy(retries=0), AddressGuard(["127.0.0.1"]))
    with installed(RowOpener(rows, fetcher, failed)):
        with urllib.request.urlopen("row:0", timeout=1) as response:
            assert response.read() == picture(2)
        with pytest.raises(FetchError, match="http_gone"):
            urllib.request.urlopen("row:1")
        with pytest.raises(FetchError, match="bad_url"):
            urllib.request.urlopen("row:2")
        for other in ("file:///etc/passwd", stranger.url("good/2")):
            with pytest.raises(FetchError, match="scheme"):
                urllib.request.urlopen(other)
    assert failures == [("b", "http_gone"), ("c", "bad_url")]
    assert urllib.request._opener is before  # type: ignore[attr-defined]
