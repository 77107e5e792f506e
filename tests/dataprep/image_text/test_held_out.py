"""What is held out follows from content and seed; whatever shows an equal picture goes to the same side."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.engine.rejects import Rejects
from dataprep.image_text import held_out

rows = st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4), max_size=20)
"""Rows by the pictures that they show."""


def sides_of(shown: list[list[int]], seed: int, share: float = 0.5) -> dict[tuple[int, ...], bool]:
    digests = [[held_out.digest(bytes([one])) for one in row] for row in shown]
    ties = held_out.tied(row for row in digests if len(row) > 1)
    chosen = (held_out.is_held_out(held_out.key(row, ties), share, seed) for row in digests)
    return dict(zip(map(tuple, shown), chosen, strict=True))


@given(rows, st.integers(-(1 << 63), (1 << 63) - 1), st.randoms(use_true_random=False))
def test_no_picture_is_on_both_sides_and_the_order_of_rows_changes_nothing(
    shown: list[list[int]], seed: int, order: random.Random
) -> None:
    found = sides_of(shown, seed)
    held = {one for row, side in found.items() if side for one in row}
    kept = {one for row, side in found.items() if not side for one in row}
    assert not held & kept
    turned = [order.sample(row, len(row)) for row in order.sample(shown, len(shown))]
    again = sides_of(turned, seed)
    assert {(tuple(sorted(row)), side) for row, side in found.items()} == {
        (tuple(sorted(row)), side) for row, side in again.items()
    }


@given(rows, st.integers(13, 20), st.integers(0, 99))
def test_rows_that_show_other_pictures_change_no_side(shown: list[list[int]], other: int, seed: int) -> None:
    more = sides_of([*shown, [other, other + 1]], seed)
    assert sides_of(shown, seed).items() <= more.items()


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_the_share_is_that_of_rows_and_another_seed_chooses_others(share: float) -> None:
    keys = [held_out.digest(bytes([n % 251, n // 251])) for n in range(20_000)]
    chosen = [{key for key in keys if held_out.is_held_out(key, share, seed)} for seed in (0, 1)]
    for one in chosen:
        assert abs(len(one) / len(keys) - share) < 4 * (share * (1 - share) / len(keys)) ** 0.5
    assert abs(len(chosen[0] & chosen[1]) / len(keys) - share**2) < 0.02
    assert not any(held_out.is_held_out(key, 0.0, 0) for key in keys)


def test_sides_are_fixed_for_ever() -> None:
    """Datasets that are begun go on, and one that is made anew from other inputs holds the same pictures out."""
    keys = [held_out.digest(bytes([n])) for n in range(40)]
    assert keys[0] == 14144645293874801883
    assert [n for n, key in enumerate(keys) if held_out.is_held_out(key, 0.1, -3)] == [17, 18, 21, 31]


def test_a_held_out_row_is_accounted_for_on_both_sides() -> None:
    refused = Rejects()
    refused.add("a", "no_image")
    of = {folder: {"written": count} for folder, count in (("", 5), ("held_out", 2))}
    whole = held_out.receipt(of, refused)
    assert (whole["rows"], whole["written"], whole["rejected"]) == (8, 5, {"no_image": 1, "held_out": 2})
    assert whole["held_out"] == {"written": 2, "rows": 2, "rejected": {}}
    assert held_out.receipt({"": {"written": 5}}, Rejects()) == {"written": 5, "rows": 5, "rejected": Counter()}
