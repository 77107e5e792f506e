from __future__ import annotations

import io
from typing import Any

import pytest

from dataprep.engine.rejects import Rejects
from dataprep.pairs.read import MAX_TEXT_BYTES, PairRow, read_rows
from dataprep.tar.write import write_tar


def read(*members: tuple[str, bytes]) -> tuple[list[PairRow], Rejects]:
    tar, rejects = io.BytesIO(), Rejects()
    write_tar(tar, members)
    return list(read_rows(tar, "in.tar", rejects)), rejects


def test_captions_come_from_whichever_member_has_them() -> None:
    rows, _ = read(
        ("1.jpg", b"x"), ("1.txt", b"from txt"), ("1.json", b'{"caption": "from json", "syn_text": ["a", 3, "b"]}'),
        ("2.png", b"x"), ("2.json", b'{"caption": "from json", "uid": "u2", "url": "http://a.example/"}'),
        ("3.webp", b"x"), ("3.json", b'{"text": "from text"}'), ("3.syn.json", b'{"syn_text": "one"}'),
    )  # fmt: skip
    assert [(row.uid, row.web, row.synthetic) for row in rows] == [
        ("1", "from txt", ("a", "b")),
        ("u2", "from json", ()),
        ("3", "from text", ("one",)),
    ]
    assert rows[1].url == "http://a.example/"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("1.txt", b"x")], "no_image"),
        ([("1.jpg", b"x"), ("1.json", b"{")], "bad_json"),
        ([("1.jpg", b"x"), ("1.json", b"[]")], "bad_json"),
        ([("1.jpg", b"x"), ("1.txt", b" " * (MAX_TEXT_BYTES + 1))], "member_too_large"),
        ([("../1.jpg", b"x"), ("../1.txt", b"x")], "unsafe_name"),
        ([("/1.jpg", b"x")], "unsafe_name"),
        ([("1.jpg", b"x"), ("1.json", b'{"uid": "a\\nb"}')], "unsafe_name"),
    ],
)
def test_samples_that_are_no_pair_have_a_reason(members: list[tuple[str, bytes]], reason: str) -> None:
    rows, rejects = read(*members)
    assert rows == []
    assert dict(rejects.counts) == {reason: 1}


def test_captions_may_be_lists() -> None:
    rows, _ = read(
        ("1.jpg", b"x"), ("1.json", b'{"caption": ["first", "second"]}'),
        ("2.jpg", b"x"), ("2.json", b'{"caption": [], "text": [null, "the text"]}'),
        ("3.jpg", b"x"), ("3.json", b'{"caption": NaN, "uid": NaN}'),
    )  # fmt: skip
    assert [(row.uid, row.web) for row in rows] == [("1", "first"), ("2", "the text"), ("3", None)]


def test_members_that_lie_apart_are_told_from_repeated_samples() -> None:
    rows, rejects = read(("1.jpg", b"x"), ("2.jpg", b"y"), ("1.txt", b"one"), ("2.txt", b"two"), ("1.jpg", b"again"))
    assert [(row.key, row.web) for row in rows] == [("1", None), ("2", None)]
    assert dict(rejects.counts) == {"members_apart": 2, "duplicate_key": 1}
    assert rejects.jsonl().count(b"txt after others; use `tar --sort=name`") == 2


def test_the_first_of_equal_keys_or_uids_stays() -> None:
    same: Any = ("json", b'{"uid": "u"}')
    rows, rejects = read(("1.jpg", b"first"), (f"1.{same[0]}", same[1]), ("2.jpg", b""), (f"2.{same[0]}", same[1]),
                         ("1.jpg", b"again"))  # fmt: skip
    assert [(row.key, row.image.size) for row in rows] == [("1", 5)]
    assert dict(rejects.counts) == {"duplicate_uid": 1, "duplicate_key": 1}
