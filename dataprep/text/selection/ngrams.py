"""Hashes runs of n words of a document to 64 bits, for near-duplicates and leaked evaluation items alike.

A word is a run of letters, digits and marks, without regard to case; everything else only separates. Scripts that are
written without spaces (Han, kana) count each character as a word, or a Chinese page would be a handful of words.

All is array arithmetic over the code points of a few documents: prefix sums of a polynomial modulo 2**64 give the hash
of any range of characters, and once more of any range of words, in blocks that stay in the processor's cache.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.order.permutation import mixed

Hashes = npt.NDArray[np.uint64]
_BASE = 0x9E3779B97F4A7C15 | 1
SLICE = 1 << 18
"""Characters of documents that are looked at together."""
BLOCK = 1 << 14
"""Ranges hashed together."""
LONGEST_WORD = 1 << 20
"""Characters of a word that count: nothing that is longer is a word."""
_SEPARATOR, _LETTER, _WHOLE_WORD = 0, 1, 2
_WITHOUT_SPACES = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of a batch of documents."""

    hashes: Hashes
    """Of all documents, one after the other."""
    counts: npt.NDArray[np.int64]
    """N-grams of each document: shape (documents,)."""
    words: npt.NDArray[np.int64]
    """Words of each document."""

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """Where each document's n-grams begin in `hashes`."""
        return np.cumsum(self.counts) - self.counts


def ngrams(texts: Sequence[str], n: int) -> Ngrams:
    """All runs of `n` words of each text; a text of fewer words has one, of all its words; of none, none."""
    parts, low, length = list[Ngrams](), 0, 0
    for high, text in enumerate(texts, 1):
        length += len(text)
        if length >= SLICE or high == len(texts):
            parts.append(_ngrams(texts[low:high], n))
            low, length = high, 0
    empty = Ngrams(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))
    joined = zip(*((part.hashes, part.counts, part.words) for part in (empty, *parts)), strict=True)
    return Ngrams(*map(np.concatenate, joined))


def _ngrams(texts: Sequence[str], n: int) -> Ngrams:
    folded = [unicodedata.normalize("NFC", text.casefold()) for text in texts]
    lengths = np.fromiter(map(len, folded), np.int64, len(folded))
    codes = np.frombuffer("\n".join(folded).encode("utf-32-le", "surrogatepass"), np.uint32)
    starts, hashes = _words(codes)
    # A newline joins the texts, so text i begins at the sum of the lengths before it, plus i.
    bounds = np.searchsorted(starts, np.cumsum(lengths + 1) - lengths - 1)
    words = np.diff(bounds, append=len(starts))
    counts = np.where(words > 0, np.maximum(words - n + 1, 1), 0)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    first = np.repeat(bounds, counts) + place
    past = np.repeat(bounds + words, counts)
    return Ngrams(_ranges(hashes, first, np.minimum(first + n, past)), counts, words)


def _words(codes: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.int64], Hashes]:
    """Offset of every word's first character, and the words' hashes."""
    kinds = _kinds()[codes]
    before = np.empty_like(kinds)
    before[:1], before[1:] = _SEPARATOR, kinds[:-1]
    starts = np.flatnonzero((kinds != _SEPARATOR) & ((kinds != before) | (kinds == _WHOLE_WORD)))
    # A word's sum may run on to the next word's start: separators count nothing.
    values = (codes + np.uint32(1)) * (kinds != _SEPARATOR)
    return starts, _ranges(values, starts, np.minimum(np.append(starts[1:], len(codes)), starts + LONGEST_WORD))


def _ranges(
    values: npt.NDArray[np.uint32] | Hashes, first: npt.NDArray[np.int64], past: npt.NDArray[np.int64]
) -> Hashes:
    """A hash of each range [first, past) of `values`: sum of value * BASE**place, mixed. Both ends never decrease."""
    found = np.empty(len(first), np.uint64)
    for low in range(0, len(first), BLOCK):
        begin = int(first[low])
        starts, ends = first[low : low + BLOCK] - begin, past[low : low + BLOCK] - begin
        piece = values[begin : begin + int(ends[-1])].astype(np.uint64)
        powers, inverses = _powers(1 << max(17, len(piece).bit_length()))
        sums = np.zeros(len(piece) + 1, np.uint64)
        np.cumsum(piece * powers[: len(piece)], out=sums[1:])
        found[low : low + BLOCK] = mixed((sums[ends] - sums[starts]) * inverses[starts])
    return found


@functools.lru_cache(maxsize=4)
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """BASE**i and its inverse modulo 2**64, for i below `count`."""
    both = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        factors = np.full(count, base, np.uint64)
        factors[0] = 1
        both.append(np.cumprod(factors, dtype=np.uint64))
    return both[0], both[1]


@functools.cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Classifies each code point by what it is to a word: nothing, a part, or a whole one."""
    letters = (unicodedata.category(chr(code))[0] in "LNM" for code in range(0x110000))
    kinds = np.fromiter(letters, np.uint8, 0x110000)
    for low, high in _WITHOUT_SPACES:
        block = kinds[low : high + 1]
        block[block == _LETTER] = _WHOLE_WORD
    return kinds
