"""Tests of what is said where nothing was written, and of what such a run leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataprep.engine.nothing_written import REMEDIES, clear, nothing_written
from dataprep.engine.paths import PLAN_NAME, STAGING


@pytest.mark.parametrize(
    ("rejected", "said"),
    [
        ({}, "out: nothing was written: the inputs hold no rows; check the inputs"),
        ({"where": 0}, "out: nothing was written: the inputs hold no rows; check the inputs"),
        (
            {"bad_row": 2, "where": 1200},
            "out: nothing was written: rows rejected: where 1,200, bad_row 2; check `where`",
        ),
        (
            {"unheard_of": 3, "where": 3},
            "out: nothing was written: rows rejected: where 3, unheard_of 3; check `where`",
        ),
        ({"unheard_of": 1}, "out: nothing was written: rows rejected: unheard_of 1; rejects/ in it names each"),
        (dict.fromkeys("abcd", 1), "out: nothing was written: rows rejected: a 1, b 1, c 1; rejects/ in it names each"),
    ],
)
def test_the_main_reasons_and_what_to_do_about_the_first(rejected: dict[str, int], said: str) -> None:
    assert str(nothing_written("rows", "out", rejected)) == said


def test_among_equal_counts_the_first_that_has_a_remedy_and_a_callers_own_before_it() -> None:
    (first, remedy), (second, _), *_ = REMEDIES.items()
    assert str(nothing_written("pairs", "out", {second: 5, first: 5})).endswith(f"{first} 5, {second} 5; {remedy}")
    assert str(nothing_written("pairs", "out", {first: 5}, "look elsewhere")).endswith("; look elsewhere")


def test_plan_and_rejects_stay(tmp_path: Path) -> None:
    kept = [f"{STAGING}/{PLAN_NAME}", "rejects/00000.jsonl", "rejects/00001.parquet"]
    for name in (*kept, f"{STAGING}/receipts/text/0.json", "shard.00000.mds", "rejects.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    clear(str(tmp_path))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    clear(str(tmp_path / "none"))
