from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.download.counts import KILOBYTES, SIDES, counts, frequent, interval, intervals
from dataprep.storage.urls import host_of


def line(url: str | None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    stored = {"kind": "jpg", "bytes": 40_000, "width": 640, "height": 480, "orientation": 1, "hash_match": None}
    return {"url": url, "status": "failed" if reason else "success", "reason": reason, **stored, **more}


def test_lines_add_up() -> None:
    lines = [
        line("http://A.example/1"),
        line("http://a.example:81/2", hash_match=True, orientation=6),
        line("http://a.example/3", "timeout"),
        line("http://b.example/4", "http_gone"),
        line("http://[bad/", "bad_url"),
    ]
    assert counts(lines) == {
        "rows": 5,
        "written": 2,
        "rejected": {"bad_url": 1, "http_gone": 1, "timeout": 1},
        "may_pass": 1,
        "hashes": {"unknown": 1, "match": 1},
        "kinds": {"jpg": 2},
        "shorter_side": {"384-511": 2},
        "kilobytes": {"32-63": 2},
        "turned_upright": 1,
        "image_bytes": 80_000,
        "hosts": {
            "a.example": {"success": 2, "timeout": 1},
            "b.example": {"http_gone": 1},
            "": {"bad_url": 1},
        },
    }


@given(st.dictionaries(st.text("abc", max_size=3), st.integers(1, 9), max_size=12), st.integers(0, 5))
def test_hosts_beyond_the_most_frequent_are_summed_not_lost(hosts: dict[str, int], keep: int) -> None:
    found = frequent({name: Counter(success=count) for name, count in hosts.items()}, keep)
    assert sum(one["success"] for one in found.values()) == sum(hosts.values())
    assert len(found.keys() - {""}) == min(keep, len(hosts.keys() - {""}))


@pytest.mark.parametrize("limits", [SIDES, KILOBYTES])
def test_every_value_has_one_of_the_classes(limits: tuple[int, ...]) -> None:
    assert {interval(value, limits) for value in range(limits[-1] + 2)} == set(intervals(limits))
    assert interval(64, (64, 128)) == "64-127"
    assert interval(128, (64, 128)) == ">=128"


def test_hosts_of_odd_urls() -> None:
    assert [host_of(url) for url in (None, "", "x", "http://", "http://u:p@H.example:8/")] == [
        "",
        "",
        "",
        "",
        "h.example",
    ]
