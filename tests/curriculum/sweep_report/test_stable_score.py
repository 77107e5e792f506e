"""Both scores by hand: chance at zero; of the noise-filtered one, noise left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculum.sweep_report.stable_score import TaskScores, noise_filtered, signal, stable

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
    tasks = [task("a", [0.6, 0.62, 0.8, 0.78]), task("noise", [0.5, 0.6, 0.6, 0.52])]
    kept, signals = noise_filtered(tasks, GROUPS)
    assert [one.task for one in signals if one.kept] == ["a"]
    assert kept is not None
    assert kept.values == pytest.approx([0.22, 0.58])


def test_the_stable_score_takes_all_tasks_and_does_not_stretch_them() -> None:
    """Score - chance, not divided by 1 - chance: (0 + 0.25) / 2 and (0.5 + 0.5) / 2."""
    tasks = [task("a", [0.5, 0.5, 1, 1], 0.5), task("b", [0.25, 0.25, 0.5, 0.5], 0.0)]
    assert stable(tasks, GROUPS).values == pytest.approx([0.125, 0.5])
    noise = task("noise", [0.5, 0.6, 0.6, 0.5])
    assert stable([*tasks, noise], GROUPS).values == pytest.approx([(0 + 0.25 + 0.05) / 3, (0.5 + 0.5 + 0.05) / 3])


def test_the_noise_filtered_score_is_averaged_after_centring() -> None:
    tasks = [task("a", [0.5, 0.5, 1, 1], 0.5), task("b", [0.25, 0.25, 0.5, 0.5], 0.0)]
    kept, _ = noise_filtered(tasks, GROUPS)
    assert kept is not None
    assert kept.values == pytest.approx([(0 + 0.25) / 2, (1 + 0.5) / 2])


def test_no_signal_no_noise_filtered_score() -> None:
    kept, signals = noise_filtered([task("noise", [0.5, 0.6, 0.6, 0.5])], GROUPS)
    assert kept is None
    assert not signals[0].kept


def test_rounding_is_no_signal() -> None:
    """Three seeds of 0.1: their mean is not 0.1 in binary, and the noise is 0."""
    same = TaskScores("same", 0.0, np.array([[0.1] * 7] * 3 + [[0.1] * 7]))
    assert not signal(same, [[0, 1, 2], [3]]).kept


def test_without_a_second_seed_the_items_are_the_noise():
    found = signal(task("a", [0.6, 0.8], items=100), [[0], [1]])
    expected = np.sqrt(np.mean([0.6 * 0.4 / 99, 0.8 * 0.2 / 99])) / 0.5
    assert found.noise == pytest.approx(expected)


@given(st.floats(0, 1), st.floats(0, 0.9))
def test_centring(score: float, chance: float) -> None:
    one = TaskScores("a", chance, np.array([[chance, 1.0, score]]))
    assert one.centred[0, :2] == pytest.approx([0.0, 1.0])
    assert one.centred[0, 2] <= 1 + 1e-9
    assert one.above_chance[0, 2] == pytest.approx((1 - chance) * one.centred[0, 2], abs=1e-9)
