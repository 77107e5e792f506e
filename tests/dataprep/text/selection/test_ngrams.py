from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.text.selection import ngrams as module
from dataprep.text.selection.ngrams import ngrams

WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
ALPHABET = "aAbB1é .,-\n\x00\t日本語かЖж🙂"


def words_of(text: str) -> list[str]:
    return WORDS.findall(unicodedata.normalize("NFC", text.casefold()))


@settings(deadline=None)  # the first call makes a table of all characters
@given(st.lists(st.text(ALPHABET, max_size=30), max_size=6), st.integers(1, 4))
def test_equal_hashes_are_equal_runs_of_words(texts: list[str], n: int) -> None:
    found = ngrams(texts, n)
    runs: list[tuple[str, ...]] = []
    for text, count, words in zip(texts, found.counts.tolist(), found.words.tolist(), strict=True):
        expected = words_of(text)
        assert words == len(expected)
        assert count == (max(len(expected) - n + 1, 1) if expected else 0)
        runs += [tuple(expected[at : at + n]) for at in range(count)]
    assert len(found.hashes) == len(runs)
    by_hash = dict(zip(found.hashes.tolist(), runs, strict=True))
    assert [by_hash[one] for one in found.hashes.tolist()] == runs
    assert len(by_hash) == len(set(runs))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The cat, the DOG.", "the  cat\nthe dog"),
        ("cafe\u0301 x", "caf\u00e9 X"),
        ("नमस्ते दुनिया", "नमस्ते-दुनिया"),
        ("日本語", "日 本 語"),
    ],
)
def test_case_punctuation_and_composition_make_no_difference(one: str, other: str) -> None:
    both = ngrams([one, other], 2)
    assert both.counts[0] == both.counts[1]
    first, second = np.split(both.hashes, 2)
    np.testing.assert_array_equal(first, second)


def test_a_documents_neighbours_make_no_difference() -> None:
    texts = ["a b c d", "", "!?", "e", "a b c d"]
    together = ngrams(texts, 3)
    alone = [ngrams([text], 3).hashes for text in texts]
    np.testing.assert_array_equal(together.hashes, np.concatenate(alone))
    assert together.starts.tolist() == [0, 2, 2, 2, 3]
    assert ngrams([], 3).counts.tolist() == []


@pytest.mark.parametrize("sizes", [(7, 3), (1 << 18, 2), (50, 1 << 14)])
def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, int]) -> None:
    texts = ["a b c d e f " * 30, "", "語" * 40, "x" * 500 + " y", "one"]
    whole = ngrams(texts, 5)
    monkeypatch.setattr(module, "SLICE", sizes[0])
    monkeypatch.setattr(module, "BLOCK", sizes[1])
    again = ngrams(texts, 5)
    np.testing.assert_array_equal(whole.hashes, again.hashes)
    np.testing.assert_array_equal(whole.counts, again.counts)


def test_a_giant_word_is_one_word_and_other_giants_are_others() -> None:
    giants = ngrams(["x" * 3_000_000, "y" * 3_000_000, "x" * 1_000_000], 2)
    assert giants.words.tolist() == [1, 1, 1]
    assert len(set(giants.hashes.tolist())) == 3
