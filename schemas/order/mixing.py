"""Computes which source the k-th sample of a phase comes from, exactly, as integer arithmetic without state.

Several sources are mixed by a binary tree of two-way splits. A split sends the k-th sample of its stream left or
right; how many of its first k samples went left is one rounded line,

    f(k) = clip(floor(k * left / weight + 1/2 - carry), 0, k),

which rises by 0 or 1 a step, so every position has exactly one source and counts always add up. Consecutive positions
reach a child as consecutive samples of the child's own stream, so a range is assigned by recursion on ranges.

**Bound.** Let e(node) be the samples that a node has received since the start of the run, less the exact integral of
its share. With `carry` = e(left) - (left / weight) * e(node) at the phase's start, a split adds at most max(1/2,
|carry|) to the error that it inherits, scaled by its ratio: f differs from its line by at most 1/2 where the clip is
idle, and the clip only acts while it works the carry off. A source of weight w is then within 1/2 sum(w / w_i), over
the nodes i from its leaf up to the root's child: 1/2 for two sources, below 1 for three. The tree is Huffman's, in
which w_i grow at least like Fibonacci's numbers, so the sum converges: **below 1.68 samples for any number of sources
and any shares**, in a phase that starts without debts. With three sources and more, a phase may start with debts of
more than 1/2; it repays them first, and `error_bound` evaluates the sum for the tree and debts at hand. Any slice of
consecutive samples, being the difference of two prefixes, is within twice that.

Shares are integers in billionths; positions may go to 2**62 without overflow (k is reduced modulo the weight first).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SHARE_UNIT = 1_000_000_000
"""Shares are integers that sum to this: 1 % is 10,000,000."""

SourceIds = NDArray[np.int32]


class Mixer(Protocol):
    """A stream of samples over sources; k counts its samples from 0."""

    def counts(self, k: int) -> dict[int, int]:
        """Samples of each source among the first k."""

    def sources(self, start: int, stop: int) -> SourceIds:
        """Source of each sample in [start, stop)."""

    def draw(self, k: int) -> tuple[int, int]:
        """Source of sample k, and how many of that source came before it in the stream."""

    def error_bound(self, inherited: Fraction) -> Fraction:
        """Largest |received - integral| of any source, where the stream itself may be off by `inherited`."""


@dataclass(frozen=True)
class Leaf:
    """A stream of one source."""

    source: int

    def counts(self, k: int) -> dict[int, int]:
        return {self.source: k}

    def sources(self, start: int, stop: int) -> SourceIds:
        return np.full(stop - start, self.source, np.int32)

    def draw(self, k: int) -> tuple[int, int]:
        return self.source, k

    def error_bound(self, inherited: Fraction) -> Fraction:
        return inherited


@dataclass(frozen=True)
class Split:
    """Two streams in the constant ratio left_weight : weight - left_weight."""

    left: Mixer
    right: Mixer
    left_weight: int
    weight: int
    carry: Fraction = Fraction(0)

    @cached_property
    def _offset(self) -> int:
        """1/2 - carry, in units of 1 / weight, rounded down."""
        return int((Fraction(1, 2) - self.carry) * self.weight // 1)

    def _left_of(self, k: int) -> int:
        return min(max((k * self.left_weight + self._offset) // self.weight, 0), k)

    def _left_of_range(self, start: int, stop: int) -> NDArray[np.int64]:
        """`_left_of` each k in [start, stop)."""
        turns, rest = divmod(start, self.weight)
        k = np.arange(stop - start, dtype=np.int64)
        line = (k + rest) * self.left_weight
        line += self._offset
        line //= self.weight
        line += turns * self.left_weight
        if self._offset_is_plain:
            return line  # a line of slope below 1 that starts between 0 and 1 stays within 0 and k by itself
        k += start
        return np.minimum(np.maximum(line, 0), k)

    @cached_property
    def _offset_is_plain(self) -> bool:
        return 0 <= self._offset < self.weight

    def counts(self, k: int) -> dict[int, int]:
        left = self._left_of(k)
        return add_counts(self.left.counts(left), self.right.counts(k - left))

    def sources(self, start: int, stop: int) -> SourceIds:
        return scatter(self._left_of_range(start, stop + 1), start, stop, self.left, self.right)

    def draw(self, k: int) -> tuple[int, int]:
        left = self._left_of(k)
        return self.left.draw(left) if self._left_of(k + 1) > left else self.right.draw(k - left)

    def error_bound(self, inherited: Fraction) -> Fraction:
        rounded = Fraction(1, 2) - self.carry - Fraction(self._offset, self.weight)
        own = max(Fraction(1, 2), abs(self.carry)) + rounded
        ratio = Fraction(self.left_weight, self.weight)
        return max(
            self.left.error_bound(own + ratio * inherited),
            self.right.error_bound(own + (1 - ratio) * inherited),
        )


def scatter(line: NDArray[np.int64], start: int, stop: int, left: Mixer, right: Mixer) -> SourceIds:
    """Assign [start, stop), of which position k goes left where line[k + 1] > line[k].

    Shape: `line` holds stop - start + 1 cumulative counts.
    """
    goes_left = line[1:] > line[:-1]
    first, last = int(line[0]), int(line[-1])
    if isinstance(left, Leaf) and isinstance(right, Leaf):
        return np.where(goes_left, np.int32(left.source), np.int32(right.source))
    ids = np.empty(stop - start, np.int32)
    ids[goes_left] = left.sources(first, last)
    ids[~goes_left] = right.sources(start - first, stop - last)
    return ids


def add_counts(a: Mapping[int, int], b: Mapping[int, int]) -> dict[int, int]:
    """Sum two counts by source."""
    return {source: a.get(source, 0) + b.get(source, 0) for source in {**a, **b}}


def constant_mix(shares: Sequence[int], errors: Sequence[Fraction]) -> Mixer:
    """Mix the sources with a positive share in constant proportion.

    Args:
        shares: non-negative integers by source; only their ratios matter.
        errors: samples received less the exact integral, by source, when the phase starts.
    """
    active = [source for source, share in enumerate(shares) if share > 0]
    if not active:
        raise ValueError("a mix needs a source with a positive share")
    return _tree(active, shares, errors)


def _tree(active: Sequence[int], shares: Sequence[int], errors: Sequence[Fraction]) -> Mixer:
    """Huffman's tree: the two lightest streams are joined until one is left; of equals, those of the first sources."""
    heap: list[tuple[int, int, Fraction, Mixer]] = [(shares[s], s, errors[s], Leaf(s)) for s in active]
    heapify(heap)
    while len(heap) > 1:
        (light, first, light_error, right), (heavy, other, heavy_error, left) = heappop(heap), heappop(heap)
        weight, error = light + heavy, light_error + heavy_error
        carry = heavy_error - Fraction(heavy, weight) * error
        heappush(heap, (weight, min(first, other), error, Split(left, right, heavy, weight, carry)))
    return heap[0][3]
