"""Constant mixes: exact lines, debts repaid, and the bound that the module states."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.order.mixing import SHARE_UNIT, constant_mix

shares = st.lists(st.integers(0, SHARE_UNIT), min_size=1, max_size=12).filter(any)


@settings(max_examples=60, deadline=None)
@given(shares, st.integers(0, 10**12))
def test_counts_sources_and_draw_agree(given_shares: list[int], start: int) -> None:
    mixer = constant_mix(given_shares, [Fraction(0)] * len(given_shares))
    ids = mixer.sources(start, start + 200)
    before, after = mixer.counts(start), mixer.counts(start + 200)
    assert sum(before.values()) == start
    for source in range(len(given_shares)):
        assert after.get(source, 0) - before.get(source, 0) == int((ids == source).sum())
    for offset in range(0, 200, 23):
        source, ordinal = mixer.draw(start + offset)
        assert source == ids[offset]
        assert ordinal == mixer.counts(start + offset)[source]


@settings(max_examples=60, deadline=None)
@given(shares, st.integers(0, 10**9))
def test_without_debts_the_error_is_below_1_68_for_any_number_of_sources(given_shares: list[int], k: int) -> None:
    mixer = constant_mix(given_shares, [Fraction(0)] * len(given_shares))
    active = sum(share > 0 for share in given_shares)
    bound = {1: Fraction(0), 2: Fraction(1, 2), 3: Fraction(1)}.get(active, Fraction(168, 100))
    slack = Fraction(active, sum(given_shares))  # offsets are whole units of the weight
    bound += slack
    for source, count in mixer.counts(k).items():
        assert abs(count - Fraction(k * given_shares[source], sum(given_shares))) <= bound
    assert mixer.error_bound(Fraction(0)) <= bound


def test_one_per_cent_is_one_per_cent_at_batch_64() -> None:
    mixer = constant_mix([99, 1], [Fraction(0)] * 2)
    ids = mixer.sources(0, 64_000)
    assert int((ids == 1).sum()) == 640
    per_batch = (ids == 1).reshape(-1, 64).sum(axis=1)
    assert set(per_batch.tolist()) == {0, 1}


def test_a_debt_is_repaid_first() -> None:
    mixer = constant_mix([1, 1], [Fraction(3), Fraction(-3)])
    assert mixer.sources(0, 6).tolist() == [1] * 6
    assert mixer.counts(1000) in ({0: 497, 1: 503}, {0: 498, 1: 502})


def test_sources_without_a_share_are_never_drawn() -> None:
    assert set(constant_mix([0, 5, 0, 7], [Fraction(0)] * 4).sources(0, 1000).tolist()) == {1, 3}
    with pytest.raises(ValueError, match="positive share"):
        constant_mix([0, 0], [Fraction(0)] * 2)


def test_a_rare_source_is_spread_evenly() -> None:
    ids = constant_mix([9999, 1], [Fraction(0)] * 2).sources(0, 100_000)
    assert set(np.diff(np.flatnonzero(ids == 1)).tolist()) == {10_000}


def _longest_balanced(shares: list[int], at_most: int) -> int:
    """Length, up to `at_most`, of the longest order whose every slice is within one sample of `shares`, by search.

    A slice's error is the difference of two prefixes', so what counts is each source's range of prefix errors.
    """
    whole, zero = sum(shares), (0,) * len(shares)
    reached = {(zero, zero, zero)}
    for length in range(at_most):
        longer = set()
        for errors, lowest, highest in reached:
            for drawn in range(len(shares)):
                now = tuple(e - s + whole * (i == drawn) for i, (e, s) in enumerate(zip(errors, shares, strict=True)))
                low, high = tuple(map(min, lowest, now)), tuple(map(max, highest, now))
                if all(top - bottom <= whole for bottom, top in zip(low, high, strict=True)):
                    longer.add((now, low, high))
        if not longer:
            return length
        reached = longer
    return at_most


def test_beyond_two_sources_no_method_balances_every_slice_within_one_sample() -> None:
    assert _longest_balanced([85, 15], 60) == 60
    assert _longest_balanced([4, 2, 1], 60) == 60
    assert _longest_balanced([85, 10, 5], 60) == 17
    assert _longest_balanced([90, 9, 1], 60) == 32
