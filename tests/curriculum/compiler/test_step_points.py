"""Evaluation and checkpoint points are the ends of steps inside their phase."""

import pytest

from curriculum.compiler.step_points import positions
from curriculum.compiler.units import Scale, UnfitError
from curriculum.language.curriculum_file import Points

SCALE = Scale(seq_len=10, global_batch=4, trunk=None)


def points(**keys: object) -> list[int]:
    return positions(Points.model_validate(keys), 102, 202, SCALE)


def test_points() -> None:
    assert points() == [200]
    assert points(end=False) == []
    assert points(every="25%", end=False) == [124, 152, 176]
    assert points(at=["50%", "1 steps", 400]) == [104, 140, 152, 200]
    assert positions(None, 0, 10, SCALE) == []


@pytest.mark.parametrize("keys", [{"every": 0}, {"at": ["200%"]}, {"at": [0]}, {"at": [1]}])
def test_points_outside(keys: dict[str, object]) -> None:
    with pytest.raises(UnfitError):
        points(**keys)


def test_too_short_a_distance_and_too_many_points_are_told_apart() -> None:
    with pytest.raises(UnfitError) as short:
        points(every="0.1%")
    assert short.value.problem == "0.1% comes to no sample of the phase's 100"
    with pytest.raises(UnfitError) as many:
        positions(Points.model_validate({"every": "1 samples"}), 0, 20_000, SCALE)
    assert "more than 10,000 points" in many.value.problem
