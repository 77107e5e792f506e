"""Computes a mix that moves from one set of shares to another over a phase, linearly or along a half cosine.

The ramp is a staircase with so many steps that its integral stays within a hundredth of a sample of the smooth curve,
and whose rates are integers (billionths): cumulative counts are then exact integers, equal on every platform. The
table of steps grows with the square root of the phase's length (1,600 steps for 10**6 samples, 160,000 for 10**10 at
most).

With two sources the ramp is one split whose rate follows the table: its error is within 1/2 sample of the integral.
With more, the phase is a two-way mix of two constant mixes, the old one fading out and the new one fading in; each
half obeys the bound of `schemas.order.mixing`, and the fade adds at most 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.order.mixing import SHARE_UNIT, Leaf, Mixer, SourceIds, add_counts, constant_mix, scatter

Shape = Literal["linear", "cosine"]

_DEVIATION = 0.01
"""Largest distance, in samples, between the staircase's integral and the smooth curve's."""


@dataclass(frozen=True)
class RateTable:
    """Piecewise-constant rate of one stream over a phase of `length` samples, in billionths."""

    step: int
    """Samples in one stair; the last may be shorter."""
    rates: NDArray[np.int64]
    whole: NDArray[np.int64]
    """Whole samples accumulated before each stair."""
    rest: NDArray[np.int64]
    """Billionths of a sample beyond `whole`."""

    def numerator(self, k: int) -> int:
        """Integral over the first k samples, in billionths of a sample, exact."""
        stair = min(k // self.step, len(self.rates) - 1)
        inside = (k - stair * self.step) * int(self.rates[stair])
        return int(self.whole[stair]) * SHARE_UNIT + int(self.rest[stair]) + inside

    def floors(self, k: NDArray[np.int64], offset: int) -> NDArray[np.int64]:
        """floor(integral + offset / SHARE_UNIT) at each k, without overflow."""
        stair = np.minimum(k // self.step, len(self.rates) - 1)
        turns, inside = np.divmod(k - stair * self.step, SHARE_UNIT)
        rates = self.rates[stair]
        whole: NDArray[np.int64] = self.whole[stair] + turns * rates
        return whole + (self.rest[stair] + inside * rates + offset) // SHARE_UNIT


@lru_cache(maxsize=64)
def rate_table(first: int, last: int, length: int, shape: Shape) -> RateTable:
    """Stairs from the rate `first` to the rate `last` (billionths) over `length` samples."""
    change = abs(last - first) / SHARE_UNIT
    slope = 1.0 if shape == "linear" else math.pi / 2  # steepest part against the mean
    stairs = max(1, min(length, math.ceil(math.sqrt(change * slope * length / (8 * _DEVIATION)))))
    step = -(-length // stairs)
    stairs = -(-length // step)
    middle = np.minimum((np.arange(stairs) + 0.5) * step, length - 0.5 * (length - (stairs - 1) * step)) / length
    if shape == "cosine":
        middle = _half_cosine(middle)
    rates = np.rint(first + (last - first) * middle).astype(np.int64)
    whole, rest = np.divmod(rates[:-1] * step, SHARE_UNIT)
    rest = np.cumsum(rest)  # below stairs x SHARE_UNIT, far from overflow
    whole = np.cumsum(whole) + rest // SHARE_UNIT
    return RateTable(step, rates, np.concatenate([[0], whole]), np.concatenate([[0], rest % SHARE_UNIT]))


def _half_cosine(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1 - cos(pi x)) / 2 for x in [0, 1], by products and sums alone: libm's cosine differs between platforms."""
    angle = np.pi * (x - 0.5)  # (1 + sin(angle)) / 2, angle in [-pi/2, pi/2]
    square = angle * angle
    series = np.ones_like(angle)
    for n in range(20, 0, -2):  # Taylor's series in Horner form: error below 1e-15 on this interval
        series = 1.0 - series * square / (n * (n + 1))
    sine = angle * series
    return 0.5 + 0.5 * sine


@dataclass(frozen=True)
class Fade:
    """Two streams, the left one at the table's rate, the right one with the rest."""

    left: Mixer
    right: Mixer
    table: RateTable
    carry: Fraction = Fraction(0)
    inherited: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    """Errors that the sides start with, where a side is a mix of its own."""

    @cached_property
    def _offset(self) -> int:
        return int((Fraction(1, 2) - self.carry) * SHARE_UNIT // 1)

    def left_of(self, k: int) -> int:
        """Samples of the left stream among the first k."""
        return min(max((self.table.numerator(k) + self._offset) // SHARE_UNIT, 0), k)

    def counts(self, k: int) -> dict[int, int]:
        left = self.left_of(k)
        return add_counts(self.left.counts(left), self.right.counts(k - left))

    def sources(self, start: int, stop: int) -> SourceIds:
        k = np.arange(start, stop + 1, dtype=np.int64)
        line = np.minimum(np.maximum(self.table.floors(k, self._offset), 0), k)
        return scatter(line, start, stop, self.left, self.right)

    def draw(self, k: int) -> tuple[int, int]:
        left = self.left_of(k)
        source, _ = self.left.draw(left) if self.left_of(k + 1) > left else self.right.draw(k - left)
        return source, self.counts(k)[source]  # a source may be on both sides

    def error_bound(self, inherited: Fraction) -> Fraction:
        own = max(Fraction(1, 2), abs(self.carry)) + Fraction(1, SHARE_UNIT)
        if isinstance(self.left, Leaf) and isinstance(self.right, Leaf):
            return own + inherited
        left, right = self.inherited
        return own + self.left.error_bound(abs(left)) + self.right.error_bound(abs(right))


@dataclass(frozen=True)
class Ramp:
    """A ramped phase: its mixer, and its exact integral."""

    mixer: Fade
    old: Sequence[int]
    new: Sequence[int]
    table: RateTable
    left: int | None
    """With two sources, the one whose rate the table holds."""

    def integral(self, source: int, k: int) -> Fraction:
        """Exact samples due to `source` within the phase's first k samples."""
        fraction = Fraction(self.table.numerator(k), SHARE_UNIT)
        if self.left is not None:
            active = self.old[source] or self.new[source]
            return Fraction(0) if not active else fraction if source == self.left else k - fraction
        old, new = Fraction(self.old[source], SHARE_UNIT), Fraction(self.new[source], SHARE_UNIT)
        return old * (k - fraction) + new * fraction


def ramp_mix(old: Sequence[int], new: Sequence[int], length: int, shape: Shape, errors: Sequence[Fraction]) -> Ramp:
    """Mix that moves from shares `old` to shares `new` (billionths, by source) over `length` samples."""
    active = [source for source in range(len(old)) if old[source] or new[source]]
    if len(active) == 2:
        left, right = active
        table = rate_table(old[left], new[left], length, shape)
        both = errors[left] + errors[right]
        carry = errors[left] - Fraction(old[left], SHARE_UNIT) * both
        return Ramp(Fade(Leaf(left), Leaf(right), table, carry), old, new, table, left)
    # A source's debt is repaid by the mix that it starts in; by the new one where it starts from nothing.
    in_old = [e if o else Fraction(0) for e, o in zip(errors, old, strict=True)]
    in_new = [e if n and not o else Fraction(0) for e, o, n in zip(errors, old, new, strict=True)]
    table = rate_table(0, SHARE_UNIT, length, shape)
    inherited = (sum(in_new, Fraction(0)), sum(in_old, Fraction(0)))
    fade = Fade(constant_mix(new, in_new), constant_mix(old, in_old), table, inherited=inherited)
    return Ramp(fade, old, new, table, None)
