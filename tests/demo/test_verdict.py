"""The verdict cannot be had by luck."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from demo.accuracy import Accuracy
from demo.verdict import compare, interval


def tally(questions: int, correct: int, chance: float) -> Accuracy:
    return Accuracy(questions, correct / questions, chance)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_interval_holds_the_accuracy_and_stays_in_bounds(case: tuple[int, int]) -> None:
    score = tally(case[0], case[1], 0.25)
    low, high = interval(score)
    assert -1e-12 <= low <= score.share + 1e-12
    assert score.share - 1e-12 <= high <= 1 + 1e-12


def test_the_interval_covers_the_truth_about_99_times_in_100() -> None:
    draws = np.random.default_rng(1).binomial(400, 0.3, size=4000)
    intervals = [interval(tally(400, int(k), 0.3)) for k in draws]
    assert 0.983 < np.mean([low <= 0.3 <= high for low, high in intervals]) <= 0.997


def test_a_small_lead_is_not_enough_and_a_large_one_is() -> None:
    text_only = tally(1000, 300, 0.3)
    assert not compare(tally(1000, 330, 0.3), text_only).better
    assert compare(tally(1000, 450, 0.3), text_only).better


def test_beating_a_poor_baseline_is_not_enough_below_chance() -> None:
    text_only = tally(1000, 50, 0.5)
    verdict = compare(tally(1000, 400, 0.5), text_only)
    assert not verdict.better
    assert "does NOT" in verdict.sentence
