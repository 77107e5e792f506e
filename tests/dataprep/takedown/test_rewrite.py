"""Tests of a window without some of its rows: those behind them move up, with their images and their loss mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dataprep.takedown.rewrite import without
from schemas.manifest import TokenizerIdentity

TOKENIZER = TokenizerIdentity(digest="d", vocabulary_size=100, end_of_text_id=0, pad_id=1, image_id=100)
SIZES = np.array([[4, 3, 5], [1, 0, 2]])
"""Ids and images of the window's three rows."""


def window() -> dict[str, Any]:
    tokens = np.array([100, 11, 12, 0, 21, 22, 0, 100, 100, 31, 32, 0, 1, 1], np.uint16)
    return {
        "tokens": tokens,
        "images": b"a" + b"bb" + b"ccc",
        "image_lengths": np.array([1, 2, 3], np.uint32),
        "loss_mask": np.array([0, 1, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0], np.uint8),
    }


@pytest.mark.parametrize(
    ("kept", "ids", "images", "mask"),
    [
        ([0, 1, 1], [21, 22, 0, 100, 100, 31, 32, 0], [b"bb", b"ccc"], [0, 1, 1, 0, 0, 0, 1, 1]),
        ([1, 0, 1], [100, 11, 12, 0, 100, 100, 31, 32, 0], [b"a", b"bb", b"ccc"], [0, 1, 1, 1, 0, 0, 0, 1, 1]),
        ([1, 1, 0], [100, 11, 12, 0, 21, 22, 0], [b"a"], [0, 1, 1, 1, 0, 1, 1]),
        ([0, 0, 0], [], [], []),
    ],
)
def test_rows_behind_move_up_and_padding_follows(
    kept: list[int], ids: list[int], images: list[bytes], mask: list[int]
) -> None:
    before = window()
    found = without(before, SIZES, np.array(kept, bool), TOKENIZER)
    length = len(before["tokens"])
    assert found["tokens"].tolist() == [*ids, *[1] * (length - len(ids))]
    assert found["loss_mask"].tolist() == [*mask, *[0] * (length - len(mask))]
    assert (found["images"], found["image_lengths"].tolist()) == (b"".join(images), [len(one) for one in images])
    assert [found[name].dtype for name in ("tokens", "image_lengths", "loss_mask")] == [np.uint16, np.uint32, np.uint8]
    assert before["tokens"].tolist() == window()["tokens"].tolist(), "the window itself is left alone"


def test_nothing_is_removed_where_all_rows_stay() -> None:
    found = without(window(), SIZES, np.ones(3, bool), TOKENIZER)
    assert all(np.array_equal(found[name], value) for name, value in window().items())


def test_pairs_have_no_mask() -> None:
    pairs = window()
    del pairs["loss_mask"]
    assert without(pairs, SIZES, np.ones(3, bool), TOKENIZER).keys() == pairs.keys()


@pytest.mark.parametrize(
    ("column", "place", "value"),
    [("tokens", 3, 5), ("tokens", 13, 7), ("image_lengths", None, np.array([1, 2], np.uint32))],
)
def test_a_window_that_is_not_what_its_provenance_says_is_refused(column: str, place: int | None, value: Any) -> None:
    damaged = window()
    if place is None:
        damaged[column] = value
    else:
        damaged[column][place] = value
    with pytest.raises(ValueError, match="a window does not hold what its provenance says"):
        without(damaged, SIZES, np.array([1, 0, 1], bool), TOKENIZER)
