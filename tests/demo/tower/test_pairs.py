"""Tests of reading pairs from tars: pictures and captions in the order of the tars, and a digest of all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InputError
from demo.tower.pairs import read
from tests.helpers.tower_pairs import settings


def test_pairs_are_read_in_order_and_without_those_that_lack_captions(folder: Path) -> None:
    found = read(settings(folder))
    assert found.pixels.shape == (23, 3, 32, 32)
    assert [len(texts) for texts in found.captions] == [5] * 23
    _, ids = found.drawn([0, 1], [0, 6])
    longest = max(len(found.captions[0][0]), len(found.captions[1][1]))
    assert ids.shape == (2, longest)
    assert ids[1, : len(found.captions[1][1])].tolist() == found.captions[1][1]


def test_captions_are_padded_to_the_longest_of_a_batch(folder: Path) -> None:
    found = read(settings(folder))
    pixels, ids = found.drawn([3, 0], [1, 1])
    assert pixels.tolist() == found.pixels[[3, 0]].tolist()
    for row, pair in enumerate((3, 0)):
        caption = found.captions[pair][1]
        assert ids[row].tolist() == caption + [found.pad_id] * (ids.shape[1] - len(caption))


def test_the_digest_is_of_pictures_and_captions(folder: Path) -> None:
    first = read(settings(folder)).digest
    assert read(settings(folder)).digest == first
    assert read(settings(folder, size=16, patch=8)).digest != first
    assert read(settings(folder, inputs="pairs/1.tar")).digest != first


def test_a_missing_tokenizer_is_told(folder: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json: no tokenizer here; make the world first"):
        read(settings(folder, tokenizer="pairs"))
