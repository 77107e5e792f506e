"""How shards come and go: made ready once for all ranks and workers of a node, evicted when a limit calls for it.

Each shard has a state in memory that the node's processes share: absent, in preparation, or there. Whoever needs an
absent one first takes it on; the others wait. Streaming's own has the same states; this differs where exactness and a
clean end ask for it:

- room is reserved before a download, not counted after it, so that a limit holds with any number of workers;
- a failure always gives the shard and the lock back, so that nobody waits for a process that has given up;
- what is read in place is never evicted, and what is there is touched without a lock;
- a sample that cannot be read is an error that says what to do.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from time import sleep, time_ns
from typing import Any

import numpy as np
import streaming.base.dataset as stock
from filelock import FileLock
from streaming import StreamingDataset
from streaming.base.constant import TICK

from common.errors import InputError
from train.loader.errors import SourceError
from train.loader.sources.shard_table import Shard
from train.loader.sources.source_stream import SourceStream

_LEAST = 4
"""A cache limit must have room for so many of the largest shards."""
_ATTEMPTS = 8
"""At a sample whose shard is evicted again before it can be read."""
_RAISE = "raise it: it must hold the shards that all workers of a node read at once"
_State = stock._ShardState


class Shards:
    """All sources' shards, one after another; readers are made on demand."""

    def __init__(self, streams: list[SourceStream], first: Any) -> None:
        self._streams, self._first = streams, first
        self._reader = lru_cache(maxsize=4096)(self._make)

    def __getitem__(self, number: int) -> Shard:
        return self._reader(int(number))

    def stream(self, number: int) -> SourceStream:
        """The source that the shard belongs to."""
        return self._streams[int(np.searchsorted(self._first, number, side="right")) - 1]

    def _make(self, number: int) -> Shard:
        stream = int(np.searchsorted(self._first, number, side="right")) - 1
        return self._streams[stream].shard(number - int(self._first[stream]))


class ShardCache(StreamingDataset):
    """The part of a dataset that keeps its shards; `shards` and `cache_limit` are set after Streaming's constructor."""

    shards: Shards  # type: ignore[assignment]
    cache_limit: int | None  # type: ignore[assignment]
    _failure: Exception | None = None
    """What a look-ahead thread met, for the iteration to raise."""
    _closed = False

    def raw_sample(self, at: int) -> Any:
        """One sample as its shard has it, by global id; gets the shard first if it is not there.

        Raises:
            SourceError: the shard cannot be had or read.
        """
        if self._failure is not None:
            raise self._failure
        number, place = self.spanner[at]
        shard = self.shards[number]
        for _ in range(_ATTEMPTS):
            try:
                sample = shard[place]
                self._shard_access_times[number] = time_ns()
                return sample
            except FileNotFoundError:
                self.prepare_shard(number)
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

    def prepare_shard(self, shard_id: int, blocking: bool = True) -> None:
        """Make a shard readable; `blocking`: wait for it if another process is at it.

        Raises:
            SourceError: it cannot be had. Look-ahead threads (`blocking=False`) leave it to the iteration to raise.
        """
        try:
            if not blocking and self._shard_states[shard_id] == _State.LOCAL:
                self._shard_access_times[shard_id] = time_ns()  # not to be evicted before it is read
            elif self._taken_on(shard_id):
                self._make_ready(shard_id)
            else:
                while blocking and self._shard_states[shard_id] == _State.PREPARING:
                    sleep(TICK)
        except Exception as error:
            if blocking:
                raise
            self._failure = error
            self._event.set()

    def _taken_on(self, number: int) -> bool:
        """Whether this process is the one to make the shard ready: it is absent, and there is room for it now."""
        shard = self.shards[number]
        while True:
            with FileLock(self._cache_filelock_path):
                state = self._shard_states[number]
                if state == _State.LOCAL and not _raw_file(shard).is_file():  # somebody has tidied up
                    self._gone(number, 0 if shard.in_place else int(shard.raw_data.bytes))
                elif state != _State.REMOTE:
                    if state == _State.LOCAL:
                        self._shard_access_times[number] = time_ns()
                    return False
                if self._room_for(shard):
                    self._shard_states[number] = _State.PREPARING
                    return True
            if self._closed:
                return False
            sleep(TICK)  # others fill the room: what they finish can be evicted

    def _make_ready(self, number: int) -> None:
        shard, grown, state = self.shards[number], 0, _State.REMOTE
        try:
            grown = self.shards.stream(number).prepare_shard(shard)
            state = _State.LOCAL
        finally:
            with FileLock(self._cache_filelock_path):
                self.cache_usage += grown - shard.get_max_size()
                self._shard_access_times[number] = time_ns()
                self._shard_states[number] = state

    def _room_for(self, shard: Shard) -> bool:
        """Reserve room, evicting the shards that were not read for longest; the lock is held.

        Raises:
            SourceError: there is not enough, and nobody is about to free any.
        """
        size = shard.get_max_size()
        while size and self.cache_limit and self.cache_limit < self.cache_usage + size:
            states, times = self._shard_states.numpy(), self._shard_access_times.numpy()
            evictable = np.flatnonzero((states == _State.LOCAL) & self._cached)
            if not evictable.size:
                if (states == _State.PREPARING).any():
                    return False
                raise SourceError(
                    "no shard can be evicted to make room for the next",
                    field="cache_limit",
                    remedy=_RAISE,
                )
            coldest = int(evictable[np.argmin(times[evictable])])
            raw = _raw_file(self.shards[coldest])
            freed = raw.stat().st_size if raw.is_file() else int(self.shards[coldest].raw_data.bytes)
            self._gone(coldest, freed)
            raw.unlink(missing_ok=True)
        self.cache_usage += size
        return True

    def _gone(self, number: int, freed: int) -> None:
        self._shard_states[number] = _State.REMOTE
        self.cache_usage = max(0, self.cache_usage - freed)

    def _named(self, number: int) -> str:
        return f"shard '{self.shards[number].stored.basename}' of source '{self.shards.stream(number).name}'"

    @property
    def _cached(self) -> Any:
        """bool [shards]: lies in the cache."""
        in_place = np.array([stream.in_place for stream in self.streams])  # type: ignore[attr-defined]
        return ~in_place[self.stream_per_shard]


def check_limit(streams: list[SourceStream], limit: int) -> None:
    """A cache limit that cannot work is refused before it makes workers wait for each other.

    Raises:
        InputError: it has no room for a few of the largest shards.
    """
    largest = max(
        (int((s.table.records["raw"] + s.table.records["zip"]).max()) for s in streams if not s.in_place), default=0
    )
    if limit < _LEAST * largest:
        raise InputError(
            f"{limit:,} bytes do not hold {_LEAST} of the largest shards, of {largest:,} bytes",
            field="cache_limit",
            remedy=f"give at least {_LEAST * largest:,}; better, what two blocks of every source need",
        )


def _raw_file(shard: Shard) -> Path:
    return Path(shard.dirname, shard.raw_data.basename)
