"""Shares in any unit to billionths, without loss."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculum.compiler.shares import billionths, check_shares, fill_rest, sample_shares
from schemas.manifest import TokenCounts
from schemas.order.mixing import SHARE_UNIT

PASSES = {
    "text": TokenCounts(text=100),
    "code": TokenCounts(text=100),
    "pairs": TokenCounts(visual=50, caption=25, pad=25),
    "dense": TokenCounts(visual=80, caption=20),
}


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=12).filter(any))
def test_billionths_sum_and_stay_close(weights: list[int]) -> None:
    names = [f"s{i}" for i in range(len(weights))]
    exact = {name: Fraction(weight, sum(weights)) for name, weight in zip(names, weights, strict=True)}
    found = billionths(exact, names)
    assert sum(found) == SHARE_UNIT
    for name, share in zip(names, found, strict=True):
        assert (share > 0) == (exact[name] > 0)
        assert abs(share - exact[name] * SHARE_UNIT) <= len(weights)


def test_visual_shares_are_parts_of_all_tokens() -> None:
    wanted = {"text": Fraction(6, 10), "code": Fraction(3, 10), "pairs": Fraction(1, 10)}
    samples = sample_shares(wanted, "visual_tokens", PASSES)
    assert samples == {"text": Fraction(8, 15), "code": Fraction(4, 15), "pairs": Fraction(1, 5)}
    assert samples["pairs"] * Fraction(1, 2) == wanted["pairs"]
    assert sample_shares(wanted, "tokens", PASSES) == sample_shares(wanted, "samples", PASSES) == wanted


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"text": 1}, "no source of this mix has images"),
        ({"text": Fraction(1, 5), "pairs": Fraction(4, 5)}, "at most 0.5"),
    ],
)
def test_visual_shares_out_of_reach(shares: dict[str, Fraction], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sample_shares(shares, "visual_tokens", PASSES)


def test_the_rest() -> None:
    assert fill_rest({"a": "rest", "b": Fraction(1, 4)}) == {"a": Fraction(3, 4), "b": Fraction(1, 4)}
    with pytest.raises(ValueError, match="cannot both be the rest"):
        fill_rest({"a": "rest", "b": "rest"})
    with pytest.raises(ValueError, match="leaves no rest"):
        fill_rest({"a": "rest", "b": Fraction(1), "c": Fraction(1, 2)})


def test_thirds_are_meant_to_add_up() -> None:
    third = Fraction("0.333333333")
    check_shares({"a": third, "b": third, "c": third}, ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"sum to 0\.9999; add 0\.0001|sum to 0\.9999 instead"):
        check_shares({"a": Fraction("0.9999")}, ["a"])
    with pytest.raises(ValueError, match="below one billionth"):
        check_shares({"a": 1 - Fraction(1, 10**10), "b": Fraction(1, 10**10)}, ["a", "b"])
