"""Student's t against SciPy's values (scipy.stats.t, SciPy 1.17.1)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculum.sweep_report.student_t import critical, tail


@pytest.mark.parametrize(
    ("level", "freedom", "expected"),
    [
        (0.95, 1, 12.706204736174694),
        (0.95, 2, 4.302652729749462),
        (0.95, 4.5, 2.6589123472044034),
        (0.95, 12, 2.1788128296672284),
        (0.95, 30, 2.0422724563012378),
        (0.95, math.inf, 1.959963984540054),
    ],
)
def test_critical_values(level: float, freedom: float, expected: float) -> None:
    assert critical(level, freedom) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 0.24223788318168682),
        (2, 0.12961172022151082),
        (4.5, 0.059905686502200545),
        (12, 0.02791539957132524),
        (30, 0.01811564906806669),
        (math.inf, 0.012419330651552265),
    ],
)
def test_tails(freedom: float, expected: float) -> None:
    assert tail(2.5, freedom) == tail(-2.5, freedom) == pytest.approx(expected, rel=1e-9)


def test_ends() -> None:
    assert tail(0, 3) == 1
    assert tail(math.inf, 3) == 0
    assert tail(1e9, 3) < 1e-20


@given(st.floats(0.01, 0.9999), st.floats(0.6, 2e6))
def test_one_undoes_the_other(level: float, freedom: float) -> None:
    assert tail(critical(level, freedom), freedom) == pytest.approx(1 - level, rel=1e-6)


@given(st.floats(0, 1e4), st.floats(1, 1e5))
def test_one_degree_of_freedom_is_cauchy_and_more_have_thinner_tails(t: float, freedom: float) -> None:
    assert tail(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, abs=1e-9)
    assert tail(t, freedom) <= tail(t, 1) + 1e-9
