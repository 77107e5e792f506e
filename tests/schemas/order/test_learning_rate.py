"""Curves: their ends, their monotony, and pieces that take over from each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.order.learning_rate import Piece, rate_at

rates = st.floats(0, 1, allow_nan=False)
shapes = st.sampled_from(["linear", "cosine"])


@given(shapes, rates, rates, st.integers(0, 10**12), st.integers(1, 10**12))
def test_goes_from_first_to_last_and_stays_there(shape: str, first: float, last: float, start: int, over: int) -> None:
    piece = Piece(start=start, shape=shape, first=first, last=last, over=over)  # type: ignore[arg-type]
    assert piece.at(start) == pytest.approx(first)
    assert piece.at(start + over) == pytest.approx(last, abs=1e-15)
    assert piece.at(start + 3 * over) == piece.at(start + over)
    low, high = sorted((first, last))
    assert low - 1e-12 <= piece.at(start + over // 3) <= high + 1e-12


def test_shapes_at_their_middle() -> None:
    def at(shape: str, position: int) -> float:
        return Piece(start=0, shape=shape, first=2, last=1, over=100).at(position)  # type: ignore[arg-type]

    assert at("linear", 50) == pytest.approx(1.5)
    assert at("cosine", 50) == pytest.approx(1.5)
    assert at("cosine", 10) > at("linear", 10)
    assert at("constant", 99) == 2
    assert at("inverse_sqrt", 100) == pytest.approx(2**0.5)
    assert at("inverse_sqrt", 10**9) == 1


def test_a_piece_rules_until_the_next_one() -> None:
    pieces = [
        Piece(start=0, shape="linear", first=0, last=1, over=10),
        Piece(start=10, shape="constant", first=1, last=1, over=1),
        Piece(start=50, shape="linear", first=0.5, last=0, over=50),
    ]
    assert [rate_at(pieces, p) for p in (0, 5, 10, 49, 50, 75, 100)] == [0, 0.5, 1, 1, 0.5, 0.25, 0]


@given(shapes, st.integers(0, 1000), st.integers(0, 999))
def test_a_curve_may_be_taken_up_on_its_way(shape: str, start: int, later: int) -> None:
    whole = Piece(start=start, shape=shape, first=1, last=0.1, over=1000)  # type: ignore[arg-type]
    part = whole.model_copy(update={"start": start + later, "drawn_from": start})
    for position in (start + later, start + later + 1, start + 1000, start + 2000):
        assert part.at(position) == whole.at(position)
