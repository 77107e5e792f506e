"""Maps the n-th draw of a source to its index in the pass; each lane (`schemas.order.lane_counts`) gets its own index
range.

A pass over n samples has turns 0 .. n - 1 (`schemas.order.pass_order` says which sample a turn is). Without lanes,
draw o
takes turn o. With lanes, turns are cut into equal parts, one a lane, and the j-th draw of a lane takes the j-th turn of
its part, until the first part is used up. What is left of all parts is then cut into equal parts anew, and so on, until
little is left; that is taken in order. So **a pass is a permutation of all its turns, whatever the lanes**: lanes that
draw more than others (a rare source whose draws always fall into the same slices of a step) only end a round early.

The turn of a draw depends on the draws before it alone, never on those to come.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from schemas.order.lane_counts import Counts, LaneCounts

_ROUNDS = 12
_FEW_EACH = 4
"""With fewer turns left for each lane, the rest is taken in order."""


@dataclass(frozen=True)
class _Round:
    """Draws [begin, end) that are dealt by one cut."""

    begin: int
    end: int
    """The run's last draw is the end of a round that it does not complete."""
    before: Counts
    """Draws in each lane before `begin`."""
    parts: NDArray[np.int64]
    """Where each lane's part begins among the turns that are left, and their number; shape [lanes + 1]."""
    places: NDArray[np.int64]
    """Runs of turns that are left: the place of each among all that are left, ascending from 0."""
    turns: NDArray[np.int64]
    """First turn of each run."""
    in_order: bool

    def turns_at(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turns at these places among those that are left."""
        run = np.searchsorted(self.places, places, side="right") - 1
        found: NDArray[np.int64] = places - self.places[run] + self.turns[run]
        return found


class Deal:
    """The turns of one pass of one source."""

    def __init__(self, counts: LaneCounts, samples: int, number: int) -> None:
        """Args:
        counts: lanes of the source's draws.
        samples: in a pass.
        number: of the pass, from 0; its draws are [number * samples, (number + 1) * samples).
        """
        self._counts = counts
        self._end = min((number + 1) * samples, counts.total)
        zero = np.zeros(1, np.int64)
        self._adding = Lock()  # a loader's threads ask at the same time
        self._rounds = [self._round(number * samples, samples, zero, zero, 0)]

    def _round(self, begin: int, left: int, places: NDArray[np.int64], turns: NDArray[np.int64], depth: int) -> _Round:
        lanes = self._counts.lanes
        parts = np.array([left * lane // lanes for lane in range(lanes + 1)], np.int64)
        in_order = depth >= _ROUNDS or left < _FEW_EACH * lanes
        before = self._counts.before(begin)
        end = self._end if in_order else self._used_up(begin, before, np.diff(parts))
        return _Round(begin, end, before, parts, places, turns, in_order)

    def _used_up(self, begin: int, before: Counts, quota: Counts) -> int:
        """The last ordinal at which no lane has drawn more than its part."""
        low, high = begin, self._end
        while low < high:
            middle = (low + high + 1) // 2
            if (self._counts.before(middle) - before <= quota).all():
                low = middle
            else:
                high = middle - 1
        return low

    def _next(self, last: _Round) -> _Round:
        """The round after `last`: what its lanes have not taken of their parts."""
        taken = self._counts.before(last.end) - last.before
        low, high = last.parts[:-1] + taken, last.parts[1:]
        cuts = np.unique(np.concatenate([low, high, last.places]))
        begins, ends = cuts[:-1], cuts[1:]
        kept = begins >= low[np.searchsorted(last.parts, begins, side="right") - 1]
        begins, sizes = begins[kept], (ends - begins)[kept]
        places = np.cumsum(sizes) - sizes
        return self._round(last.end, int(sizes.sum()), places, last.turns_at(begins), len(self._rounds))

    def _holding(self, ordinal: int) -> _Round:
        while self._rounds[-1].end <= ordinal:
            with self._adding:
                if self._rounds[-1].end <= ordinal:
                    self._rounds.append(self._next(self._rounds[-1]))
        return next(one for one in reversed(self._rounds) if one.begin <= ordinal)

    def one(self, ordinal: int) -> int:
        """Turn of one draw, by its ordinal since the run's start."""
        here = self._holding(ordinal)
        if here.in_order:
            place = ordinal - here.begin
        else:
            lane = self._counts.lane(ordinal)
            place = int(here.parts[lane]) + self._counts.before_in(ordinal, lane) - int(here.before[lane])
        run = int(np.searchsorted(here.places, place, side="right")) - 1
        return place - int(here.places[run]) + int(here.turns[run])

    def turns(self, start: int, stop: int) -> NDArray[np.int64]:
        """Turns of the draws [start, stop), all of this pass."""
        found = np.empty(stop - start, np.int64)
        low = start
        while low < stop:
            here = self._holding(low)
            high = min(stop, here.end)
            found[low - start : high - start] = here.turns_at(self._places(here, low, high))
            low = high
        return found

    def _places(self, here: _Round, start: int, stop: int) -> NDArray[np.int64]:
        if here.in_order:
            return np.arange(start - here.begin, stop - here.begin, dtype=np.int64)
        lanes = self._counts.lanes_of(start, stop)
        by_lane = np.argsort(lanes.astype(np.uint16), kind="stable")  # short keys are sorted by radix
        lane, first, size = np.unique(lanes[by_lane], return_index=True, return_counts=True)
        if len(lane) < 8:
            before = np.array([self._counts.before_in(start, one) for one in lane.tolist()], np.int64)
        else:
            before = self._counts.before(start)[lane]
        begins = here.parts[lane] + before - here.before[lane]
        places = np.empty(stop - start, np.int64)
        places[by_lane] = np.repeat(begins - first, size) + np.arange(stop - start)
        return places
