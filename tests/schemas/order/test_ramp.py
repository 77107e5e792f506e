"""Ramps: the staircase hugs the smooth curve, and sums to the same whole."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.order.mixing import SHARE_UNIT
from schemas.order.ramp import _half_cosine, ramp_mix, rate_table

share = st.integers(0, SHARE_UNIT)


@settings(max_examples=60, deadline=None)
@given(share, share, st.integers(1, 10**7), st.floats(0, 1))
def test_a_linear_staircase_stays_near_its_parabola(first: int, last: int, length: int, where: float) -> None:
    table = rate_table(first, last, length, "linear")
    k = int(where * length)
    exact = (first * k + (last - first) * k * k / (2 * length)) / SHARE_UNIT
    assert abs(table.numerator(k) / SHARE_UNIT - exact) < 0.03
    assert int(table.floors(np.array([k], np.int64), 0)[0]) == table.numerator(k) // SHARE_UNIT


@settings(max_examples=40, deadline=None)
@given(share, share, st.integers(1, 10**7), st.floats(0, 1))
def test_a_cosine_staircase_stays_near_its_curve(first: int, last: int, length: int, where: float) -> None:
    table = rate_table(first, last, length, "cosine")
    k = int(where * length)
    x = k / length
    exact = (first * k + (last - first) * length * (x - math.sin(math.pi * x) / math.pi) / 2) / SHARE_UNIT
    assert abs(table.numerator(k) / SHARE_UNIT - exact) < 0.05


def test_own_cosine_equals_the_library_s() -> None:
    x = np.linspace(0, 1, 1001)
    assert np.abs(_half_cosine(x) - (1 - np.cos(np.pi * x)) / 2).max() < 1e-14


def test_long_ramps_do_not_overflow() -> None:
    table = rate_table(0, SHARE_UNIT, 10**12, "linear")
    assert table.numerator(10**12) / SHARE_UNIT == pytest.approx(5e11, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=8), st.integers(1, 5000))
def test_the_integral_sums_to_the_position(pairs: list[tuple[int, int]], length: int) -> None:
    def billionths(weights: list[int]) -> list[int]:
        found = [weight * SHARE_UNIT // sum(weights) for weight in weights]
        found[int(np.argmax(found))] += SHARE_UNIT - sum(found)
        return found

    old, new = ([pair[i] for pair in pairs] for i in (0, 1))
    if not any(old) or not any(new):
        return
    ramp = ramp_mix(billionths(old), billionths(new), length, "linear", [Fraction(0)] * len(pairs))
    for k in (0, length // 2, length):
        assert sum(ramp.integral(source, k) for source in range(len(pairs))) == k
        assert sum(ramp.mixer.counts(k).values()) == k
