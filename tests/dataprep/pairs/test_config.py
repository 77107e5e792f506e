"""Settings of the pairs job: what they imply, and which of them make another dataset."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataprep.pairs.config import PairsJob


def job(**more: Any) -> PairsJob:
    base = {"inputs": "a.tar", "out": "out", "tokenizer": "t", "geometry": {"size": 32, "patch": 16}}
    return PairsJob.model_validate({**base, **more})


@pytest.mark.parametrize(
    ("more", "selects", "hashes"),
    [
        ({}, False, False),
        ({"deduplicate": True}, True, False),
        ({"where": "width > 9"}, True, False),
        ({"near_duplicates": {}}, True, True),
        ({"near_duplicates": {"distance": None, "uids": "found.txt"}}, False, False),
    ],
)
def test_when_all_pairs_are_looked_at_first(more: dict[str, Any], selects: bool, hashes: bool) -> None:
    assert (job(**more).selects, job(**more).hashes) == (selects, hashes)


def test_near_duplicates_by_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="`near_duplicates` needs a `distance` or a list"):
        job(near_duplicates={"distance": None})


def test_lists_by_what_is_on_them() -> None:
    one = job(banned={"uids": "u.txt", "urls": ["a.txt", "b.txt"]}, near_duplicates={"uids": "n.txt"})
    assert one.lists == {"banned_uid": ["u.txt"], "banned_url": ["a.txt", "b.txt"], "near_duplicate": ["n.txt"]}


def test_lists_count_by_their_content() -> None:
    """Their content is an input of the plan; the settings only say that there are some."""
    first, second = ({"banned": {"uids": name}, "near_duplicates": {"uids": name}} for name in ("a.txt", "b.txt"))
    assert job(**first).plan_config() == job(**second).plan_config() != job().plan_config()
    assert job(banned={"hosts": "x.example"}).plan_config() != job(banned={"hosts": "y.example"}).plan_config()


def test_a_seed_that_no_hash_takes_is_refused() -> None:
    with pytest.raises(ValidationError, match="seed"):
        job(seed=1 << 63)
