"""Tokens, steps and percentages on one scale."""

import pytest

from curriculum.compiler.units import Scale, UnfitError
from curriculum.language.amounts import parse_amount

SCALE = Scale(seq_len=128, global_batch=32, trunk=1_280_000)


@pytest.mark.parametrize(
    ("text", "whole", "samples"),
    [
        ("128", None, 1),
        ("191", None, 1),
        ("192", None, 2),
        ("10 steps", None, 320),
        ("7 samples", None, 7),
        ("25%", 100, 25),
    ],
)
def test_the_nearest_whole_sample(text: str, whole: int | None, samples: int) -> None:
    assert SCALE.samples(parse_amount(text), whole) == samples


def test_a_share_of_nothing_is_refused_with_a_remedy() -> None:
    with pytest.raises(UnfitError) as caught:
        SCALE.samples(parse_amount("5%"), None)
    assert "5% of what is not said" in caught.value.problem
    assert "trunk" in caught.value.remedy
