"""Curves as written to pieces: continuity, lengths, and what cannot be drawn."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from curriculum.compiler.learning_rates import draw
from curriculum.compiler.units import Scale, UnfitError
from curriculum.language.curriculum_file import PhaseRate
from schemas.order.learning_rate import Piece, rate_at

SCALE = Scale(seq_len=10, global_batch=4, trunk=10_000)
CURVE: TypeAdapter[Any] = TypeAdapter(PhaseRate)
BEFORE = [Piece(start=0, shape="cosine", first=1, last=0, over=1000)]


def pieces(curve: dict[str, Any], before: list[Piece], start: int, stop: int) -> list[Piece]:
    return draw(CURVE.validate_python(curve), before, start, stop, SCALE)


def test_warm_up_then_cosine_over_the_trunk() -> None:
    found = pieces({"peak": 0.5, "warmup": "10 steps", "over": "100%", "floor": 0.1}, [], 0, 800)
    assert [(p.start, p.shape, p.over) for p in found] == [(0, "linear", 40), (40, "cosine", 960)]
    assert rate_at(found, 0) == 0
    assert rate_at(found, 40) == 0.5
    assert rate_at(found, 800) > 0.1


def test_continue_starts_where_the_curve_before_was() -> None:
    (piece,) = pieces({"continue": "linear", "floor": 0.01}, BEFORE, 800, 900)
    assert piece.first == pytest.approx(BEFORE[0].at(800), rel=1e-11)
    assert piece.at(900) == pytest.approx(0.01)
    (root,) = pieces({"continue": "inverse_sqrt"}, BEFORE, 500, 900)
    assert root.at(1000) == pytest.approx(root.first / 2**0.5)  # falls with the run's own length


def test_rewarm_rises_from_the_value_at_the_switch() -> None:
    found = pieces({"rewarm": 0.7, "warmup": "10%", "shape": "linear"}, BEFORE, 800, 900)
    assert (found[0].over, found[1].over) == (10, 90)
    assert found[0].first == pytest.approx(BEFORE[0].at(800), rel=1e-11)
    assert rate_at(found, 900) == 0


def test_cooldown_at_the_end_of_a_constant() -> None:
    found = pieces({"peak": 1, "shape": "constant", "cooldown": "20%"}, [], 0, 1000)
    assert [(p.start, p.shape) for p in found] == [(0, "constant"), (800, "linear")]
    assert rate_at(found, 900) == 0.5
    left = pieces({"peak": 1, "shape": "constant", "cooldown": "20%", "over": "100%"}, [], 0, 700)
    assert len(left) == 1  # left before the cool-down begins


@pytest.mark.parametrize(
    ("curve", "key"),
    [
        ({"peak": 1, "over": "50%"}, "over"),
        ({"peak": 1, "warmup": "100%"}, "warmup"),
        ({"peak": 1, "floor": 2}, "floor"),
        ({"peak": 1, "shape": "constant", "floor": 0.1}, "floor"),
        ({"peak": 1, "cooldown": "10%"}, "cooldown"),
        ({"peak": 1, "shape": "constant", "cooldown": "0%"}, "cooldown"),
        ({"peak": 1, "shape": "inverse_sqrt"}, "warmup"),
        ({"peak": 1, "over": 1}, "over"),
        ({"continue": "linear", "floor": 5}, "floor"),
    ],
)
def test_what_cannot_be_drawn(curve: dict[str, Any], key: str) -> None:
    with pytest.raises(UnfitError) as caught:
        pieces(curve, BEFORE if "continue" in curve else [], 0, 1000)
    assert caught.value.key == key
    assert caught.value.remedy


def test_nothing_to_continue_at_zero() -> None:
    with pytest.raises(UnfitError, match="0 at the switch"):
        pieces({"continue": "linear"}, BEFORE, 1000, 1100)


def test_a_curve_may_be_held_at_its_floor() -> None:
    found = pieces({"peak": 1, "over": "50%", "floor": 0.1, "hold": True}, [], 0, 1000)
    assert rate_at(found, 999) == pytest.approx(0.1)


def test_percentages_need_a_trunk() -> None:
    with pytest.raises(UnfitError, match="is not said"):
        draw(CURVE.validate_python({"peak": 1, "over": "50%"}), [], 0, 10, Scale(10, 4, None))
