"""Concatenates the phases of a run and answers counts and sources at any position.

Each phase mixes by itself (`schemas.order.mixing`, `schemas.order.ramp`), starting from the counts and the exact
errors that the
phases before it left. Both depend on the past alone, so two runs that agree up to a position have drawn the same
samples there, whatever comes after; and two neighbouring phases with equal shares draw what one long phase would.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from schemas.order.lane_counts import Line, Stretch
from schemas.order.mixing import SHARE_UNIT, Leaf, Mixer, SourceIds, Split, constant_mix
from schemas.order.ramp import Ramp, Shape, ramp_mix


@dataclass(frozen=True)
class Segment:
    """Describes the mixing of one phase."""

    start: int
    stop: int
    shares: Sequence[int]
    """By source, in billionths, summing to one whole."""
    shares_to: Sequence[int] | None = None
    ramp: Shape | None = None
    ramp_over: int | None = None
    """Samples for which the ramp is drawn, if it is left before its end."""


@dataclass(frozen=True)
class _Laid:
    """A segment with everything the past decides about it."""

    segment: Segment
    mixer: Mixer
    ramp: Ramp | None
    counts: Sequence[int]
    integrals: Sequence[Fraction]


class Timeline:
    """Exact mixing over a whole run of `sources` sources."""

    def __init__(self, segments: Sequence[Segment], sources: int) -> None:
        self._sources = sources
        self._laid: list[_Laid] = []
        for segment in segments:
            self._append(segment)

    def _append(self, segment: Segment) -> None:
        counts, integrals = [0] * self._sources, [Fraction(0)] * self._sources
        if self._laid:
            last = self._laid[-1]
            length = last.segment.stop - last.segment.start
            counts, integrals = self._counts_in(last, length), _integrals_in(last, length)
        self._laid.append(_lay(segment, counts, integrals))

    def extended(self, segment: Segment) -> Timeline:
        """This timeline with `segment` after its end; the past is shared, not computed again."""
        longer = Timeline([], self._sources)
        longer._laid = list(self._laid)
        longer._append(segment)
        return longer

    @property
    def _stop(self) -> int:
        return self._laid[-1].segment.stop if self._laid else 0

    def _find(self, position: int) -> _Laid:
        if not 0 <= position <= self._stop:
            raise IndexError(f"position {position:,} is outside the run, 0 to {self._stop:,}")
        return self._laid[bisect_right(self._laid, position, key=lambda laid: laid.segment.start) - 1]

    def _counts_in(self, laid: _Laid, k: int) -> list[int]:
        counts = list(laid.counts)
        for source, drawn in laid.mixer.counts(k).items():
            counts[source] += drawn
        return counts

    def counts(self, position: int) -> list[int]:
        """Samples of each source before `position`; they sum to `position`."""
        if not self._laid and position == 0:
            return [0] * self._sources
        laid = self._find(position)
        return self._counts_in(laid, position - laid.segment.start)

    def integrals(self, position: int) -> list[Fraction]:
        """Exact samples due to each source before `position`, which `counts` rounds."""
        laid = self._find(position)
        return _integrals_in(laid, position - laid.segment.start)

    def draw(self, position: int) -> tuple[int, int]:
        """Source of `position`, and how many of that source came before it in the run."""
        if not 0 <= position < self._stop:
            raise IndexError(f"position {position:,} is outside the run, 0 to {self._stop:,}")
        laid = self._find(position)
        source, ordinal = laid.mixer.draw(position - laid.segment.start)
        return source, laid.counts[source] + ordinal

    def sources(self, start: int, stop: int) -> SourceIds:
        """Source of each position in [start, stop)."""
        if not 0 <= start <= stop <= self._stop:
            raise IndexError(f"[{start:,}, {stop:,}) is outside the run, 0 to {self._stop:,}")
        ids = np.empty(stop - start, np.int32)
        for laid in self._laid:
            low, high = max(start, laid.segment.start), min(stop, laid.segment.stop)
            if low < high:
                origin = laid.segment.start
                ids[low - start : high - start] = laid.mixer.sources(low - origin, high - origin)
        return ids

    def stretches(self, source: int) -> list[Stretch]:
        """Phases that draw from `source`, with the lines that its draws follow."""
        found = []
        for laid in self._laid:
            segment = laid.segment
            if segment.shares[source] or (segment.shares_to and segment.shares_to[source]):
                found.append(Stretch(segment.start, laid.counts[source], _line(laid, source)))
        return found

    def error_bound(self) -> Fraction:
        """No source is ever further than this from its exact integral, in samples, at any prefix of the run."""
        return max(self._bound(laid) for laid in self._laid)

    def _bound(self, laid: _Laid) -> Fraction:
        errors = [count - due for count, due in zip(laid.counts, laid.integrals, strict=True)]
        segment = laid.segment
        shares = list(zip(segment.shares, segment.shares_to or segment.shares, strict=True))
        active = sum((e for e, (old, new) in zip(errors, shares, strict=True) if old or new), Fraction(0))
        resting = max((abs(e) for e, (old, new) in zip(errors, shares, strict=True) if not old and not new), default=0)
        return max(laid.mixer.error_bound(abs(active)), Fraction(resting))


def _lay(segment: Segment, counts: Sequence[int], integrals: Sequence[Fraction]) -> _Laid:
    errors = [count - due for count, due in zip(counts, integrals, strict=True)]
    if segment.ramp is None or segment.shares_to is None:
        return _Laid(segment, constant_mix(segment.shares, errors), None, counts, integrals)
    length = segment.ramp_over or segment.stop - segment.start
    ramp = ramp_mix(segment.shares, segment.shares_to, length, segment.ramp, errors)
    return _Laid(segment, ramp.mixer, ramp, counts, integrals)


def _integrals_in(laid: _Laid, k: int) -> list[Fraction]:
    if laid.ramp is not None:
        return [due + laid.ramp.integral(source, k) for source, due in enumerate(laid.integrals)]
    shares = laid.segment.shares
    return [due + Fraction(k * share, SHARE_UNIT) for due, share in zip(laid.integrals, shares, strict=True)]


def _line(laid: _Laid, source: int) -> Line | None:
    """The line that the source's draws follow in a phase: exactly for one source or two, else within the error."""
    if laid.ramp is not None:
        return None
    shares = laid.segment.shares
    active = [one for one, share in enumerate(shares) if share]
    debt = sum((laid.counts[one] - laid.integrals[one] for one in active), Fraction(0))
    due = laid.integrals[source] - laid.counts[source] + Fraction(shares[source], SHARE_UNIT) * debt
    mixer = laid.mixer
    if isinstance(mixer, Split) and mixer.right == Leaf(source):
        offset = -((Fraction(1, 2) - due) * SHARE_UNIT // 1) + SHARE_UNIT - 1  # what a rounded line leaves, rounds up
    else:
        offset = (due + Fraction(1, 2)) * SHARE_UNIT // 1
    return Line(shares[source], int(offset), SHARE_UNIT)
