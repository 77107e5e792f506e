"""Sums under a line equal adding up, for single numbers and for arrays."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.order.floor_sum import floor_sum


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10**12), st.integers(0, 10**12), st.integers(1, 10**6))
def test_equals_adding_up(n: int, a: int, b: int, m: int) -> None:
    assert floor_sum(n, a, b, m) == sum((a * j + b) // m for j in range(n))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10**9)), min_size=1, max_size=8), st.data())
def test_arrays_equal_single_numbers(cases: list[tuple[int, int]], data: st.DataObject) -> None:
    m = data.draw(st.integers(1, 10**9))
    a = data.draw(st.integers(0, m))
    n, b = (np.array(column, np.int64) for column in zip(*cases, strict=True))
    assert floor_sum(n, a, b, m).tolist() == [floor_sum(one, a, other, m) for one, other in cases]


def test_far_out_it_is_exact() -> None:
    n, a, m = 10**12, 333_333_333, 10**9
    b = 7 * 10**8
    assert floor_sum(n, a, b, m) == floor_sum(n - 10, a, b, m) + sum((a * j + b) // m for j in range(n - 10, n))
