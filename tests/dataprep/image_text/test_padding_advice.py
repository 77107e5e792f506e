from __future__ import annotations

import pytest

from dataprep.image_text.padding_advice import ENOUGH, advice, padding, typical_captions


@pytest.mark.parametrize(("tokens", "seq_len"), [(196, 2048), (144, 2048), (256, 4096), (64, 2048)])
def test_geometries_that_divide_well_need_no_advice(tokens: int, seq_len: int) -> None:
    assert advice(tokens, seq_len) is None


def test_two_whole_pairs_of_729_in_2048_are_warned_of_with_what_would_divide_better() -> None:
    text = advice(729, 2048)
    assert text is not None
    assert text.startswith("about 27% of positions would be padding: 2 whole pairs of 729 image tokens fit in 2,048")
    assert "better: seq_len 3,072" in text
    assert "196 image tokens" in text
    assert "576 image tokens" not in text  # three of them leave as much


def test_long_captions_fill_the_gap() -> None:
    assert advice(729, 2048, [290] * 300) is None
    assert padding([1024] * 10, 2048) == 0.0
    assert padding([5000], 2048) == 1.0


def test_typical_captions_are_the_same_in_every_call() -> None:
    assert typical_captions() == typical_captions()
    ordered = sorted(typical_captions())
    assert ordered[len(ordered) // 2] in range(14, 17)
    assert ENOUGH == 0.03
