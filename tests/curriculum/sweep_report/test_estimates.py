"""Intervals by hand, and how often they cover what is true."""

from __future__ import annotations

import numpy as np
import pytest

from curriculum.sweep_report.estimates import Estimates, between_seeds, estimate, holm, item_covariance

PAIRS = [[0, 1], [2, 3]]
DIFFERENCE = np.array([-1.0, 1.0])


def alike(scores: list[float], items: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Items that all have their run's score: nothing hangs on the choice of items."""
    return np.repeat(np.array(scores)[:, None], items, axis=1), np.full(items, 1 / items)


def test_by_hand() -> None:
    """Seeds 0.2, 0.24 | 0.6, 0.56: pooled variance 4 x 0.02^2 / 2 = 0.0008 with 2 degrees of freedom.

    The difference 0.36 has the variance 0.0008 x (1/2 + 1/2), and t = 4.302653 for 95 %.
    """
    found = estimate([alike([0.2, 0.24, 0.6, 0.56])], PAIRS)
    assert found.variance == pytest.approx(0.0008)
    assert found.freedom == 2
    one = found.of(DIFFERENCE)
    assert one.value == pytest.approx(0.36)
    assert one.high - one.value == pytest.approx(4.302652729749462 * 0.0008**0.5)
    t = 0.36 / 0.0008**0.5
    assert one.p == pytest.approx(1 - t / (2 + t * t) ** 0.5)  # the distribution with 2 degrees of freedom
    mean = found.mean([0, 1])
    assert mean.value == pytest.approx(0.4)
    assert mean.high - mean.value == pytest.approx(4.302652729749462 * (0.0008 / 4) ** 0.5)


def test_one_seed_has_no_probability() -> None:
    """Its interval is that of the items: of a share of right answers, the binomial one (99 degrees of freedom)."""
    items = np.array([[1.0] * 60 + [0.0] * 40])
    found = estimate([(items, np.full(100, 0.01))], [[0]])
    one = found.mean([0])
    assert one.p is None
    assert one.high - one.value == pytest.approx(1.9842169515086827 * (0.6 * 0.4 / 99) ** 0.5)


def test_seeds_that_do_not_differ_have_no_probability() -> None:
    """Two seeds with the very same score tell nothing of the noise: it is not 0."""
    found = estimate([alike([0.1, 0.1, 0.3, 0.3])], PAIRS)
    assert (found.variance, found.of(DIFFERENCE).p) == (0.0, None)
    assert between_seeds(np.array([0.1, 0.1, 0.1]), [[0, 1, 2]]) == 0.0  # their mean is not 0.1 in binary


def test_some_configurations_with_one_seed_use_the_variance_of_the_others() -> None:
    found = estimate([alike([0.2, 0.24, 0.6])], [[0, 1], [2]])
    assert (found.freedom, found.variance) == (1, pytest.approx(0.0008))
    one = found.of(DIFFERENCE)
    assert one.high - one.value == pytest.approx(12.706204736174694 * (0.0008 * 1.5) ** 0.5)


def test_rows_count_by_their_weights() -> None:
    found = estimate([(np.array([[1.0, 5.0], [1.0, 5.0]]), np.array([0.75, 0.25]))], [[0], [1]])
    assert found.values == pytest.approx([2.0, 2.0])
    deviation = np.array([0.75 * -1, 0.25 * 3])
    assert found.item_covariance == pytest.approx(np.full((2, 2), 2 * float(deviation @ deviation)))


def test_items_that_one_configuration_alone_can_answer_widen_the_difference() -> None:
    """All seeds agree item by item: the choice of items is all there is, beside the seeds' 0."""
    rng = np.random.default_rng(0)
    first, second = (rng.random((2, 500)) < 0.5).astype(float)
    items, weights = np.array([first, first, second, second]), np.full(500, 1 / 500)
    covariance = item_covariance(items, weights, PAIRS)
    assert DIFFERENCE @ covariance @ DIFFERENCE == pytest.approx((second - first).var(ddof=1) / 500)


def test_what_differs_between_seeds_is_not_counted_twice() -> None:
    """Every run answers each item by a throw of its own: no configuration is better at any item."""
    rng = np.random.default_rng(0)
    groups = [list(range(10 * n, 10 * n + 10)) for n in range(2)]
    items = (rng.random((20, 20_000)) < 0.5).astype(float)
    covariance = item_covariance(items, np.full(20_000, 1 / 20_000), groups)
    alone = 0.25 / 20_000 / 10 * 2
    assert abs(DIFFERENCE @ covariance @ DIFFERENCE) < 0.05 * alone


def test_long_tasks_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    items, weights = np.random.default_rng(0).random((4, 25)), np.full(25, 1 / 25)
    whole = item_covariance(items, weights, PAIRS)
    monkeypatch.setattr("curriculum.sweep_report.estimates._BLOCK", 7)
    assert item_covariance(items, weights, PAIRS) == pytest.approx(whole)


def test_holm_by_hand() -> None:
    """Smallest times 4, next times 3, and so on; never smaller than the one before."""
    assert holm([0.01, None, 0.04, 0.03, 0.005]) == pytest.approx([0.03, None, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_cover_the_truth(seeds: int) -> None:
    """Means of configurations and differences between them; other seeds and other items each time.

    The configurations differ, in all and on single items, so that other items would show other differences.
    """
    rng = np.random.default_rng(seeds)
    groups = [list(range(seeds * n, seeds * n + seeds)) for n in range(6)]
    truth = np.array([0.3, 0.4, 0.5, 0.6, 0.5, 0.4])
    differences = np.array([one - other for n, one in enumerate(np.eye(6)) for other in np.eye(6)[:n]])
    covered, of_differences = [], []
    for _ in range(400):
        found = _simulated(rng, truth, groups)
        covered += [one.low <= true <= one.high for true, one in zip(truth, map(found.of, np.eye(6)), strict=True)]
        of_differences += [
            one.low <= true <= one.high
            for true, one in zip(differences @ truth, map(found.of, differences), strict=True)
        ]
    assert 0.93 <= np.mean(covered) <= 0.97
    assert 0.93 <= np.mean(of_differences) <= 0.97


def _simulated(rng: np.random.Generator, truth: np.ndarray, groups: list[list[int]]) -> Estimates:
    runs, items = sum(map(len, groups)), 80
    of_run = np.repeat(truth, len(groups[0])) + 0.02 * rng.standard_normal(runs)
    own = np.repeat(0.1 * rng.standard_normal((len(truth), items)), len(groups[0]), axis=0)
    scores = of_run[:, None] + own + 0.3 * rng.standard_normal(items) + 0.1 * rng.standard_normal((runs, items))
    return estimate([(scores, np.full(items, 1 / items))], groups)
