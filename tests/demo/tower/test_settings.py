"""Tests of the tower's recipe: what cannot be is refused, and what decides the weights names them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from demo.tower.settings import Settings

BASE = {"inputs": "pairs/*.tar", "tokenizer": "tokenizer", "out": "tower"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 30}, "a side of 30 pixels is not a multiple of patches of 8"),
        ({"width": 48}, "width"),
        ({"pairs_a_step": 1}, "pairs_a_step"),
        ({"rate": 0}, "rate"),
        ({"step": 5}, "step"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate({**BASE, **changes})


def test_places_have_no_part_in_the_identity_and_everything_else_has() -> None:
    one = Settings.model_validate(BASE).identity("pairs")
    elsewhere = {"inputs": "x", "tokenizer": "y", "out": "z"}
    assert Settings.model_validate(elsewhere).identity("pairs") == one
    assert Settings.model_validate(BASE).identity("others") != one
    for change in ({"seed": 8}, {"steps": 5}, {"size": 64}, {"rate": 1e-3}, {"layers": 3}, {"threads": 1}):
        assert Settings.model_validate({**BASE, **change}).identity("pairs") != one, change
