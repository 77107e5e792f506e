"""The stable score by hand: chance at zero, noise left out, intervals that cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curriculum.sweep_report.stable_score import (
    TaskScores,
    bootstrap,
    bootstrap_losses,
    centre,
    interval,
    signal,
    stable,
)

GROUPS = [[0, 1], [2, 3]]


def task(name: str, means: list[float], chance: float = 0.5, items: int = 400) -> TaskScores:
    """Runs whose scores are exactly `means`: the first items are right."""
    rows = [[1.0] * round(mean * items) + [0.0] * (items - round(mean * items)) for mean in means]
    return TaskScores(name, chance, np.array(rows))


def test_by_hand():
    """Chance 0.5: scores 0.6, 0.62 | 0.8, 0.78 are x = 0.2, 0.24 | 0.6, 0.56, so values 0.22 and 0.58.

    Pooled variance: (4 x 0.02^2) / 2 = 0.0008; of a mean over two seeds: 0.0004, noise 0.02. Movement: 0.36 / sqrt 2.
    """
    found = signal(task("a", [0.6, 0.62, 0.8, 0.78]), GROUPS)
    assert found.noise == pytest.approx(0.02)
    assert found.movement == pytest.approx(0.36 / 2**0.5)
    assert found.kept
    whole = stable([task("a", [0.6, 0.62, 0.8, 0.78]), task("noise", [0.5, 0.6, 0.6, 0.52])], GROUPS)
    assert whole.tasks == ["a"]
    assert whole.values == pytest.approx([0.22, 0.58])


def test_tasks_are_averaged_after_centring():
    tasks = [task("a", [0.5, 0.5, 1, 1], 0.5), task("b", [0.25, 0.25, 0.5, 0.5], 0.0)]
    assert stable(tasks, GROUPS).values == pytest.approx([(0 + 0.25) / 2, (1 + 0.5) / 2])


def test_no_signal_no_score():
    found = stable([task("noise", [0.5, 0.6, 0.6, 0.5])], GROUPS)
    assert np.isnan(found.values).all()
    assert found.tasks == []


def test_without_a_second_seed_the_items_are_the_noise():
    found = signal(task("a", [0.6, 0.8], items=100), [[0], [1]])
    expected = np.sqrt(np.mean([0.6 * 0.4 / 99, 0.8 * 0.2 / 99])) / 0.5
    assert found.noise == pytest.approx(expected)


@given(st.floats(0, 1), st.floats(0, 0.9))
def test_centring(score, chance):
    found = centre(np.array([chance, 1.0, score]), chance)
    assert found[:2] == pytest.approx([0.0, 1.0])
    assert found[2] <= 1 + 1e-9


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_draws_centre_on_the_value_and_have_the_binomial_spread(seed):
    one = task("a", [0.7, 0.7, 0.9, 0.9], chance=0.0, items=500)
    draws = bootstrap([one], GROUPS, seed=seed)
    assert draws.shape == (2, 1000)
    assert draws.mean(axis=1) == pytest.approx([0.7, 0.9], abs=0.005)
    assert draws.std(axis=1) == pytest.approx([np.sqrt(0.21 / 500), np.sqrt(0.09 / 500)], rel=0.15)
    low, high = interval(draws[0])
    assert low < 0.7 < high


def test_draws_are_the_same_each_time():
    tasks = [task("a", [0.5, 0.5, 1, 1])]
    assert (bootstrap(tasks, GROUPS) == bootstrap(tasks, GROUPS)).all()


def test_losses_have_the_spread_of_their_rows():
    """One seed each: what is left is the rows', and rows count by their tokens."""
    rng = np.random.default_rng(0)
    losses, tokens = 3 + rng.standard_normal((2, 400)), np.full(400, 7.0)
    draws = bootstrap_losses(losses, tokens, [[0], [1]])
    assert draws.shape == (2, 1000)
    assert draws.mean(axis=1) == pytest.approx(losses.mean(axis=1), abs=0.01)
    assert draws.std(axis=1) == pytest.approx(losses.std(axis=1) / 20, rel=0.15)
    assert (draws == bootstrap_losses(losses, tokens, [[0], [1]])).all()
    uneven = bootstrap_losses(np.array([[1.0, 5.0]] * 2), np.array([3.0, 1.0]), [[0, 1]])
    assert set(np.round(uneven[0], 9)) == {1.0, 2.0, 5.0}
