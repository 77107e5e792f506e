"""Asks for shards before they are needed, as far ahead as the cache has room for them.

A thread walks ahead of the rows that are given out and makes each row's shard readable, or sees that another process
does. It looks ahead by a number of rows, and over no more shards than the worker's part of the cache holds: further on
it would evict what the next rows want.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from time import sleep

from train.loader.rank_share import Drawn
from train.loader.shard_cache import TICK, ShardCache

_BREATH = 8
"""Rows after which the thread lets others have the interpreter, who would wait for it at every file that they read."""


class Window:
    """Which shards the rows between the one given out and the one looked ahead at lie in, and their bytes."""

    def __init__(self, room: int | None) -> None:
        """Args:
        room: bytes; None for no limit.
        """
        self._room, self._bytes = room, 0
        self._rows: deque[tuple[int, int, int]] = deque()
        """Index, shard and its bytes; neighbours in one shard are one entry, under the last one's index."""
        self._entries: Counter[int] = Counter()

    def admits(self, index: int, shard: int, size: int, given_out: int) -> bool:
        """Whether row `index` may be looked ahead at while row `given_out` is read; if so, it is in the window."""
        if self._room is None or not size:
            return True
        while self._rows and self._rows[0][0] < given_out:
            self._drop()
        if self._rows and self._rows[-1][1] == shard:
            self._rows[-1] = (index, shard, size)
            return True
        new = shard not in self._entries
        if new and self._rows and self._bytes + size > self._room:
            return False
        self._rows.append((index, shard, size))
        self._entries[shard] += 1
        self._bytes += size * new
        return True

    def _drop(self) -> None:
        _, shard, size = self._rows.popleft()
        self._entries[shard] -= 1
        if not self._entries[shard]:
            del self._entries[shard]
            self._bytes -= size


class LookAhead:
    """Gives out what `walk` gives, each row after its shard was asked for.

    Args:
        walk: rows in the order in which they are read.
        rows: how many to look ahead at.
        room: bytes of shards to look ahead over; None for no limit.
    """

    def __init__(self, walk: Iterator[Drawn], cache: ShardCache, rows: int, room: int | None) -> None:
        self._walk, self._cache, self._rows, self._window = walk, cache, rows, Window(room)
        self._asked: deque[Drawn] = deque()
        self._given_out = 0
        self._failure: Exception | None = None
        self._starved = self._stopped = self._done = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="look-ahead", daemon=True)

    def __iter__(self) -> Iterator[Drawn]:
        """Rows, until there are none or the cache is closed.

        Raises:
            SourceError: a shard cannot be had; of a row that lies ahead, too.
        """
        self._thread.start()
        try:
            while self._next_is_there():
                yield self._asked.popleft()
                self._given_out += 1
        finally:
            self._stopped = True

    def join(self) -> None:
        """Wait until the thread has ended, which it does when the cache is closed."""
        if self._thread.is_alive():
            self._thread.join()

    def _next_is_there(self) -> bool:
        """Wait for the next row; returns whether there is one."""
        if not self._asked:
            with self._changed:
                self._starved = True  # set before the look: what comes after it is told
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._asked or self._done)
                self._starved = False
        if self._failure is not None:
            raise self._failure
        return bool(self._asked) and not self._cache.closed

    def _run(self) -> None:
        try:
            for index, drawn in enumerate(self._walk):
                number, _ = self._cache.find(drawn.source, drawn.sample)
                if not self._may_look_at(index, number):
                    return
                self._cache.prepare(number, wait=False)
                self._asked.append(drawn)
                if not index % _BREATH:
                    sleep(0)
                if self._starved:
                    with self._changed:
                        self._changed.notify_all()
        except Exception as error:
            self._failure = error
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def _may_look_at(self, index: int, number: int) -> bool:
        """Wait until row `index`, in shard `number`, is near enough; returns whether anybody still wants it."""
        size = self._cache.room_of(number)
        while not (self._stopped or self._cache.closed):
            given_out = self._given_out
            if index - given_out <= self._rows and self._window.admits(index, number, size, given_out):
                return True
            with self._changed:
                self._changed.wait(TICK)
        return False
