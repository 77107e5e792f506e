from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.images.perceptual_hash import bands, difference_hash, later_copies

WORDS = st.integers(-(2**63), 2**63 - 1)


def distance(one: int, two: int) -> int:
    return ((one ^ two) & (2**64 - 1)).bit_count()


@given(WORDS, st.integers(0, 7).flatmap(lambda d: st.tuples(st.just(d), st.sets(st.integers(0, 63), max_size=d))))
def test_hashes_within_the_distance_agree_in_a_band(word: int, case: tuple[int, set[int]]) -> None:
    unsigned, other = word % 2**64, word % 2**64
    for bit in case[1]:
        other ^= 1 << bit
    parts = bands(case[0])
    assert sum(bits for _, bits in parts) == 64
    assert any(unsigned >> shift & (1 << bits) - 1 == other >> shift & (1 << bits) - 1 for shift, bits in parts)


@given(st.lists(st.integers(-8, 8), max_size=12), st.integers(0, 3))
def test_later_copies_are_those_with_an_earlier_one_near(words: list[int], limit: int) -> None:
    expected = [any(distance(one, earlier) <= limit for earlier in words[:at]) for at, one in enumerate(words)]
    assert later_copies(np.array(words, np.int64), limit).tolist() == expected


def test_a_hash_survives_size_and_encoding_and_tells_pictures_apart(picture: Callable[..., bytes]) -> None:
    def of(*arguments: object, **options: object) -> int:
        found = difference_hash(picture(*arguments, **options))
        assert found is not None
        return found

    for seed in range(20):
        original = of(seed, size=(640, 480), quality=95)
        assert distance(original, of(seed, size=(320, 240), quality=60)) <= 3
        assert distance(original, of(seed, "PNG", (400, 300))) <= 3
        assert distance(original, of(seed + 100, size=(640, 480))) > 7


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_pictures_without_structure_have_no_hash(colour: int) -> None:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (64, 64), (colour,) * 3).save(out, "JPEG")
    assert difference_hash(out.getvalue()) is None
