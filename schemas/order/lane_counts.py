"""Computes which lane draws a sample of a source from the sample's ordinal, so that a node reads its own shards.

The compiled global batch is cut into `lanes` equal slices, and a node reads one or several whole slices of every step.
A *lane* is a slice over all steps. Here every draw of a source is given its lane, and the draws in a lane before any
ordinal are counted, both in closed form, so that `schemas.order.lane_order` can send a lane's draws to a lane's own
shards.

In a phase of constant shares, draw o is at the smallest x with x * share + offset >= o + 1. With one or two sources
that is the exact place (see `schemas.order.mixing`). Exception: a draw whose rounding error at the phase's start is
exactly 0.5 comes first in its phase, and counts as one place earlier. With more sources the place is right to within
the error of the mix, so that some draws of a neighbour count as a lane's own. In a ramp, lanes take turns. The counts
may be inexact without harm: `schemas.order.lane_order` makes a permutation of any counts.

The lanes of a draw follow from the shares and the counts before it alone, not from where a phase begins or ends.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from schemas.order.floor_sum import floor_sum

Counts = NDArray[np.int64]

_MANY_STEPS = 1 << 31
"""From so many on, sums over steps may not fit 64 bits; plain integers are used."""


@dataclass(frozen=True)
class Line:
    """Draws of a source before a place x: floor((x * rise + offset) / unit), x counted from the phase's start."""

    rise: int
    offset: int
    unit: int

    def before(self, x: int) -> int:
        """Draws before place `x`, which may lie outside the phase."""
        return (x * self.rise + self.offset) // self.unit

    def place(self, draw: int) -> int:
        """Place of draw number `draw`."""
        return ((draw + 1) * self.unit - self.offset - 1) // self.rise


@dataclass(frozen=True)
class Stretch:
    """Describes what a phase draws of one source."""

    start: int
    """Position of the phase's first sample."""
    first: int
    """Draws of the source before it."""
    line: Line | None
    """None: lanes take turns."""


class LaneCounts:
    """Lanes of the draws of one source, by ordinal since the run's start."""

    def __init__(self, stretches: Sequence[Stretch], total: int, batch: int, lanes: int) -> None:
        """Args:
        stretches: phases that draw from the source, in order.
        total: draws in the whole run.
        batch: samples in a step; a multiple of `lanes`.
        """
        self._stretches, self.total = stretches, total
        self._batch, self.lanes = batch, lanes
        self._edges = np.arange(lanes + 1, dtype=np.int64) * (batch // lanes)

    @cached_property
    def _bases(self) -> list[Counts]:
        """Draws in each lane before each stretch."""
        bases = [np.zeros(self.lanes, np.int64)]
        for stretch, following in zip(self._stretches, self._stretches[1:], strict=False):
            bases.append(bases[-1] + self._within(stretch, following.first - stretch.first))
        return bases

    def _find(self, ordinal: int) -> int:
        return bisect_right(self._stretches, ordinal, key=lambda stretch: stretch.first) - 1

    def before(self, ordinal: int) -> Counts:
        """Draws in each lane among the first `ordinal`; shape [lanes]."""
        index = self._find(ordinal)
        stretch = self._stretches[index]
        return self._bases[index] + self._within(stretch, ordinal - stretch.first)

    def before_in(self, ordinal: int, lane: int) -> int:
        """Counts like `before`, for one lane."""
        index = self._find(ordinal)
        stretch = self._stretches[index]
        return int(self._bases[index][lane]) + self._within_one(stretch, ordinal - stretch.first, lane)

    def lanes_of(self, start: int, stop: int) -> NDArray[np.int64]:
        """Lane of each draw in [start, stop)."""
        found = np.empty(stop - start, np.int64)
        low = start
        while low < stop:
            index = self._find(low)
            stretch = self._stretches[index]
            high = min(stop, self._stretches[index + 1].first) if index + 1 < len(self._stretches) else stop
            found[low - start : high - start] = self._lanes_within(stretch, low - stretch.first, high - stretch.first)
            low = high
        return found

    def lane(self, ordinal: int) -> int:
        """Lane of one draw."""
        stretch = self._stretches[self._find(ordinal)]
        draw = ordinal - stretch.first
        if stretch.line is None:
            return draw % self.lanes
        return (stretch.start + stretch.line.place(draw)) % self._batch // (self._batch // self.lanes)

    def _lanes_within(self, stretch: Stretch, first: int, last: int) -> NDArray[np.int64]:
        """Lane of each draw in [first, last) of a stretch."""
        draws = np.arange(last - first, dtype=np.int64)
        line = stretch.line
        if line is None:
            return (draws + first % self.lanes) % self.lanes
        whole, rest = divmod((first + 1) * line.unit - line.offset - 1, line.rise)
        inside = (draws * line.unit + rest) // line.rise + (stretch.start + whole) % self._batch
        return inside % self._batch // (self._batch // self.lanes)

    def _within(self, stretch: Stretch, draws: int) -> Counts:
        """The first `draws` of a stretch by lane."""
        if stretch.line is None:
            return (draws + self.lanes - 1 - np.arange(self.lanes)) // self.lanes
        edges = _before_edges(stretch.line, stretch.start, draws, self._batch, self._edges)
        return np.diff(edges)

    def _within_one(self, stretch: Stretch, draws: int, lane: int) -> int:
        if stretch.line is None:
            return (draws + self.lanes - 1 - lane) // self.lanes
        width = self._batch // self.lanes
        return _in_slice(stretch.line, stretch.start, draws, self._batch, lane * width, (lane + 1) * width)


def _steps(line: Line, start: int, draws: int, batch: int) -> tuple[int, int, int]:
    """(place of a first step's start, whole steps after it, place of the last step's start) of the first `draws`."""
    inside = start % batch
    first, last = (inside + line.place(0)) // batch, (inside + line.place(draws)) // batch
    return first * batch - inside, last - first - 1, last * batch - inside


def _in_slice(line: Line, start: int, draws: int, batch: int, low: int, high: int) -> int:
    """How many of the first `draws` lie in samples [low, high) of their step."""
    first, between, last = _steps(line, start, draws, batch)
    found = 0
    for begin in (first, last) if last > first else (first,):
        below, above = (min(max(line.before(begin + edge), 0), draws) for edge in (low, high))
        found += above - below
    if between > 0:
        a, b = batch * line.rise % line.unit, ((first + batch) * line.rise + line.offset) % line.unit
        found += floor_sum(between, a, b + high * line.rise, line.unit)
        found -= floor_sum(between, a, b + low * line.rise, line.unit)
    return found


def _before_edges(line: Line, start: int, draws: int, batch: int, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the first `draws` lie in samples [0, edge) of their step, for each edge; shape as `edges`."""
    first, between, last = _steps(line, start, draws, batch)
    if between >= _MANY_STEPS:
        return np.array([_in_slice(line, start, draws, batch, 0, edge) for edge in edges.tolist()], np.int64)
    found = np.zeros(len(edges), np.int64)
    for begin in (first, last) if last > first else (first,):
        whole, rest = divmod(begin * line.rise + line.offset, line.unit)
        line_here = (edges * line.rise + rest) // line.unit + whole
        found += np.clip(line_here, 0, draws) - min(max(whole, 0), draws)
    if between > 0:
        a, b = batch * line.rise % line.unit, ((first + batch) * line.rise + line.offset) % line.unit
        terms = np.full(len(edges), between, np.int64)
        sums = floor_sum(terms, a, edges * line.rise + b, line.unit)
        found += sums - floor_sum(between, a, b, line.unit)
    return found
