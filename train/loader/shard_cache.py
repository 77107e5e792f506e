"""Reads samples out of shards, which come and go: made ready once for a node, evicted when a limit calls for it.

Whoever needs a shard that is absent first takes it on; the others wait (`train.loader.cache.ledger` has the states).

- Room is reserved before a download, not counted after it, so that a limit holds with any number of workers.
- A failure always gives the shard and the lock back, so that nobody waits for a process that has given up.
- What is read in place is never evicted, and what is there is touched without a lock.
- A sample that cannot be read is an error that says what to do.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from time import sleep, time_ns
from typing import Any

import numpy as np

from common.errors import InputError
from train.loader.cache.ledger import ABSENT, PREPARING, PRESENT, Ledger
from train.loader.errors import SourceError
from train.loader.sources.shard_table import Shard
from train.loader.sources.source_stream import SourceStream

TICK = 0.007
"""Seconds between looks at what another process does."""
_LEAST = 4
"""A cache limit must have room for so many of the largest shards."""
_ATTEMPTS = 8
"""Retries of a sample whose shard is evicted before it is read."""
_RAISE = "raise it: it must hold the shards that all workers of a node read at once"


class ShardCache:
    """The shards of all `streams`, numbered one stream after another, within `limit` bytes (None: no limit)."""

    def __init__(self, streams: list[SourceStream], ledger: Ledger, limit: int | None = None) -> None:
        """Refuse a limit that would make workers wait for each other.

        Raises:
            InputError: it has no room for a few of the largest shards.
        """
        self.streams, self.ledger, self.limit = streams, ledger, limit
        self.closed = False
        """Whether nobody waits for a shard any more."""
        self._first = list(accumulate((len(stream.table) for stream in streams), initial=0))
        self._reader = lru_cache(maxsize=4096)(self._make)
        cached = [stream for stream in streams if not stream.in_place]
        self._cached = np.repeat([not stream.in_place for stream in streams], np.diff(self._first))
        largest = max((int((s.table.records["raw"] + s.table.records["zip"]).max()) for s in cached), default=0)
        if limit is not None and limit < _LEAST * largest:
            raise InputError(
                f"{limit:,} bytes do not hold {_LEAST} of the largest shards, of {largest:,} bytes",
                field="cache_limit",
                remedy=f"give at least {_LEAST * largest:,}; better, what two blocks of every source need",
            )

    def take_stock(self) -> None:
        """Note which shards an earlier loader left whole. What lies in place counts as absent until it is verified."""
        for first, stream in zip(self._first, self.streams, strict=False):
            for number, size in stream.left_over():
                self.ledger.states[first + number] = PRESENT
                self.ledger.times[first + number] = time_ns()
                self.ledger.usage += size

    def find(self, source: int, sample: int) -> tuple[int, int]:
        """Number of the shard that the sample lies in, and its place there."""
        shard, place = self.streams[source].table.find(sample)
        return self._first[source] + shard, place

    def room_of(self, number: int) -> int:
        """Bytes that the shard may take in the cache."""
        return self._reader(number).get_max_size()

    def read(self, source: int, sample: int) -> Any:
        """One sample as its shard has it; gets the shard first if it is not there.

        Raises:
            SourceError: the shard cannot be had or read.
        """
        number, place = self.find(source, sample)
        shard = self._reader(number)
        for _ in range(_ATTEMPTS):
            self.prepare(number)
            try:
                return shard[place]
            except FileNotFoundError:
                self._missed(number)
            except OSError as error:
                raise SourceError(
                    f"{self._named(number)} cannot be read ({error.strerror})",
                    file=_raw_file(shard),
                    remedy="look after the disk and start the run again",
                ) from None
        raise SourceError(
            f"{self._named(number)} was evicted {_ATTEMPTS} times before it could be read",
            field="cache_limit",
            remedy=_RAISE,
        )

    def prepare(self, number: int, *, wait: bool = True) -> None:
        """Make a shard readable; `wait` for it if another process is at it.

        Raises:
            SourceError: it cannot be had.
        """
        states = self.ledger.states
        while states[number] != PRESENT and not self.closed:
            if self._taken_on(number):
                self._make_ready(number)
            elif states[number] == PREPARING:
                if not wait:
                    return
                sleep(TICK)
        self.ledger.times[number] = time_ns()  # not to be evicted before it is read

    def close(self) -> None:
        """Let those who wait for a shard give up."""
        self.closed = True
        for stream in self.streams:
            stream.closing = True

    def _taken_on(self, number: int) -> bool:
        """Whether this process is the one to make the shard ready: it is absent, and there is room for it now."""
        shard = self._reader(number)
        while not self.closed:
            with self.ledger.locked():
                if self.ledger.states[number] != ABSENT:
                    return False
                if self._room_for(shard):
                    self.ledger.states[number] = PREPARING
                    return True
            sleep(TICK)  # others fill the room: what they finish can be evicted
        return False

    def _make_ready(self, number: int) -> None:
        shard, grown, state = self._reader(number), 0, ABSENT
        try:
            grown = self._stream(number).prepare_shard(shard)
            state = PRESENT
        finally:
            with self.ledger.locked():
                self.ledger.usage += grown - shard.get_max_size()
                self.ledger.times[number] = time_ns()
                self.ledger.states[number] = state

    def _missed(self, number: int) -> None:
        """A shard that should be there is not: evicted just now, or somebody has tidied up."""
        shard = self._reader(number)
        with self.ledger.locked():
            if self.ledger.states[number] == PRESENT and not _raw_file(shard).is_file():
                self._gone(number, 0 if shard.in_place else int(shard.raw_data.bytes))

    def _room_for(self, shard: Shard) -> bool:
        """Reserve room, evicting the shards that were not read for longest; the lock is held.

        Raises:
            SourceError: there is not enough, and nobody is about to free any.
        """
        size, ledger = shard.get_max_size(), self.ledger
        while size and self.limit and self.limit < ledger.usage + size:
            evictable = np.flatnonzero((ledger.states == PRESENT) & self._cached)
            if not evictable.size:
                if (ledger.states == PREPARING).any():
                    return False
                raise SourceError(
                    "no shard can be evicted to make room for the next", field="cache_limit", remedy=_RAISE
                )
            coldest = int(evictable[np.argmin(ledger.times[evictable])])
            raw = _raw_file(self._reader(coldest))
            freed = raw.stat().st_size if raw.is_file() else int(self._reader(coldest).raw_data.bytes)
            self._gone(coldest, freed)
            raw.unlink(missing_ok=True)
        ledger.usage += size
        return True

    def _gone(self, number: int, freed: int) -> None:
        self.ledger.states[number] = ABSENT
        self.ledger.usage = max(0, self.ledger.usage - freed)

    def _stream(self, number: int) -> SourceStream:
        return self.streams[bisect_right(self._first, number) - 1]

    def _make(self, number: int) -> Shard:
        stream = bisect_right(self._first, number) - 1
        return self.streams[stream].shard(number - self._first[stream])

    def _named(self, number: int) -> str:
        return f"shard '{self._reader(number).stored.basename}' of source '{self._stream(number).name}'"


def _raw_file(shard: Shard) -> Path:
    return Path(shard.dirname, shard.raw_data.basename)
