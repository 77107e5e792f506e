"""Places phases on the run: where each one starts and stops, on the exact sample, and what a source's end does.

Ends are exact fractions of tokens, added up before they are rounded to the nearest sample, so roundings never add up.
Positions that depend on counts (the end of a pass, the sample at which a source runs out) are found by bisection of
the same counts that the trainer will use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from schemas.order.mixing import SHARE_UNIT
from schemas.order.ramp import Shape
from schemas.order.timeline import Segment, Timeline

MAX_SAMPLES = 10**12
"""Samples in the longest run that is accepted."""


@dataclass(frozen=True)
class Supply:
    """How much a source has to give."""

    name: str
    samples: int
    """In one pass."""
    exhausted: Literal["error", "repeat", "stop", "reweight"]
    max_passes: int | None

    @property
    def limit(self) -> int | None:
        """Samples that may be drawn; None: any number."""
        if self.exhausted == "repeat":
            return None if self.max_passes is None else self.samples * self.max_passes
        return self.samples


@dataclass(frozen=True)
class Draft:
    """A phase that wants a place in the run; exactly one of `until`, `length` and `draw` is given."""

    mixes: Sequence[Sequence[int]]
    """Shares by source in billionths: one mix, the two ends of a ramp, or stairs of equal length."""
    ramp: Shape | None = None
    until: Fraction | None = None
    """Exact end, in samples since the run's start."""
    length: Fraction | None = None
    """Exact length in samples."""
    draw: tuple[int, int] | None = None
    """(source, samples): the phase ends when so many of the source have been drawn in it."""
    may_be_empty: bool = False


@dataclass(frozen=True)
class Placed:
    """A stretch of the run with one rule; a phase becomes several where a source runs out in it."""

    draft: int
    """Number of the draft that it belongs to."""
    segment: Segment


@dataclass(frozen=True)
class Drained:
    """A source that has given its last sample on the way, as its policy allows."""

    source: str
    position: int
    """Sample of the run from which on it is missing."""
    ends_run: bool
    """Policy `stop`; else its share goes to the others."""


@dataclass(frozen=True)
class Layout:
    """Holds the placed phases of the whole run."""

    placed: list[Placed]
    dropped: list[int]
    """Drafts that a source with policy `stop` kept from starting."""
    drained: list[Drained]


class ShortageError(Exception):
    """A source gives out and its policy does not allow for it."""

    def __init__(self, draft: int, source: int, position: int, wanted: int) -> None:
        super().__init__(f"source {source} runs out at sample {position}")
        self.draft, self.source, self.position, self.wanted = draft, source, position, wanted


class MisplacedError(Exception):
    """A phase ends where it starts, or before."""

    def __init__(self, draft: int, start: Fraction, stop: Fraction) -> None:
        super().__init__(f"phase {draft} would be [{start}, {stop})")
        self.draft, self.start, self.stop = draft, start, stop


class _Run:
    """The run as laid so far."""

    def __init__(self, supplies: Sequence[Supply]) -> None:
        self.supplies = supplies
        self.placed: list[Placed] = []
        self.timeline = Timeline([], len(supplies))
        self.end = 0
        self.exact_end = Fraction(0)
        self.drained: set[int] = set()
        self.gone: list[Drained] = []

    def place(self, draft: int, segment: Segment) -> None:
        self.placed.append(Placed(draft, segment))
        self.timeline = self.timeline.extended(segment)
        self.end = segment.stop

    def active(self, shares: Sequence[int]) -> list[int]:
        """Shares without the sources that have run out; all zero if none is left."""
        left = sum(share for source, share in enumerate(shares) if source not in self.drained)
        if left in (0, SHARE_UNIT):
            return list(shares) if left else [0] * len(shares)
        kept = [0 if source in self.drained else share * SHARE_UNIT // left for source, share in enumerate(shares)]
        kept[max(range(len(kept)), key=kept.__getitem__)] += SHARE_UNIT - sum(kept)
        return kept


def lay_out(drafts: Sequence[Draft], supplies: Sequence[Supply]) -> Layout:
    """Place `drafts` one after another.

    Raises:
        MisplacedError: a phase is empty, or ends before the one in front of it.
        ShortageError: a source runs out under policy `error`, beyond `max_passes`, in a ramp, or leaves none to go on.
    """
    run = _Run(supplies)
    for number, draft in enumerate(drafts):
        if not _lay_draft(run, number, draft):
            return Layout(run.placed, list(range(number + 1, len(drafts))), run.gone)
    return Layout(run.placed, [], run.gone)


def _lay_draft(run: _Run, number: int, draft: Draft) -> bool:
    """Place one draft; False if the run ends in it."""
    if draft.draw is not None:
        goes_on = _lay_passes(run, number, draft.mixes[0], *draft.draw)
        run.exact_end = Fraction(run.end)
        return goes_on
    start = run.exact_end
    stop = draft.until if draft.until is not None else start + (draft.length or 0)
    if stop < start or (nearest(stop) <= run.end and not draft.may_be_empty):
        raise MisplacedError(number, start, stop)
    stairs = 1 if draft.ramp else len(draft.mixes)
    for stair in range(stairs):
        end = nearest(start + (stop - start) * Fraction(stair + 1, stairs))
        if draft.ramp:
            segment = Segment(run.end, end, draft.mixes[0], draft.mixes[1], draft.ramp)
        else:
            segment = Segment(run.end, end, draft.mixes[stair])
        if not _lay_segment(run, number, segment):
            return False
    run.exact_end = stop
    return True


def _lay_segment(run: _Run, number: int, segment: Segment) -> bool:
    """Place a segment, in pieces where sources run out in it; False if the run ends in it."""
    stop = segment.stop
    while run.end < stop:
        to = run.active(segment.shares_to) if segment.shares_to else None
        part = Segment(run.end, stop, run.active(segment.shares), to, segment.ramp)
        if not any(part.shares) or (to is not None and not any(to)):
            raise ShortageError(number, next(i for i, share in enumerate(segment.shares) if share), run.end, 0)
        if not _place(run, number, part):
            return False
    return True


def _lay_passes(run: _Run, number: int, mix: Sequence[int], source: int, samples: int) -> bool:
    """Place a constant mix until `samples` of `source` are drawn; False if the run ends before."""
    wanted = run.timeline.counts(run.end)[source] + samples
    while (missing := wanted - run.timeline.counts(run.end)[source]) > 0:
        shares = run.active(mix)
        if not shares[source]:
            raise ShortageError(number, source, run.end, wanted)
        longest = run.end + missing * SHARE_UNIT // shares[source] + len(shares) + 1
        timeline = run.timeline.extended(Segment(run.end, longest, shares))
        stop = first_position(lambda p, t=timeline: t.counts(p)[source] >= wanted, run.end, longest)  # type: ignore[misc]
        part = Segment(run.end, stop, shares)
        if not _place(run, number, part):
            return False
    return True


def _place(run: _Run, number: int, part: Segment) -> bool:
    """Place a segment, or what comes of it before a source runs out; False if the run ends there."""
    shortage = _first_shortage(run, part)
    if shortage is None:
        run.place(number, part)
        return True
    return _drain(run, number, part, *shortage)


def _drain(run: _Run, number: int, part: Segment, source: int, position: int, wanted: int) -> bool:
    """Do what the policy says where `source` has given its last sample; False if that ends the run."""
    supply = run.supplies[source]
    if supply.exhausted not in ("stop", "reweight"):
        raise ShortageError(number, source, position, wanted)
    if position > part.start:
        over = part.stop - part.start if part.ramp else None
        run.place(number, replace(part, stop=position, ramp_over=over))
    if supply.exhausted == "stop":
        run.gone.append(Drained(supply.name, position, ends_run=True))
        return False
    run.drained.add(source)
    if part.ramp or not any(run.active(part.shares)):
        raise ShortageError(number, source, position, wanted)
    run.gone.append(Drained(supply.name, position, ends_run=False))
    return True


def _first_shortage(run: _Run, segment: Segment) -> tuple[int, int, int] | None:
    """(source, position, samples wanted) where the first source has given all it may and would be drawn again."""
    timeline = run.timeline.extended(segment)
    final = timeline.counts(segment.stop)
    found: list[tuple[int, int]] = []
    for source, supply in enumerate(run.supplies):
        limit = supply.limit
        if limit is not None and final[source] > limit:
            over = first_position(lambda p, s=source, n=limit: timeline.counts(p)[s] > n, segment.start, segment.stop)  # type: ignore[misc]
            found.append((over - 1, source))
    if not found:
        return None
    position, source = min(found)
    return source, position, final[source]


def first_position(reached: Callable[[int], bool], low: int, high: int) -> int:
    """Smallest position in [low, high] at which the monotone `reached` holds; it holds at `high`."""
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return low


def nearest(exact: Fraction) -> int:
    """The nearest whole sample, halves upwards."""
    return int((2 * exact + 1) // 2)
