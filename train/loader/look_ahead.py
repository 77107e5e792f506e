"""Shards are on their way before they are needed, as far ahead as the cache has room for.

Two threads walk ahead of the rows that are given out, as Streaming's do: one asks for each row's shard, one sees that
it is there. Streaming's look ahead by a number of samples only. Where a cache limit holds less than those need, the
first evicts what the next rows want, and the second may wait for ever for a shard that nobody brings back. Here a
worker looks ahead over no more shards than its part of the cache holds, and asks again for a shard that was evicted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from streaming.base.constant import TICK
from streaming.base.dataset import _Iterator, _ShardState

from train.loader.shard_cache import ShardCache


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


class LookAhead(ShardCache):
    """The part of a dataset that gets shards before they are needed."""

    predownload: int

    def _prepare_thread(self, it: _Iterator) -> None:
        """Ask for the shard of each row, in order."""
        # Half of a worker's part of the cache: what the window has just left is newer than what it has just reached.
        parts = 2 * self._unique_worker_world.workers_per_node
        window = Window(self.cache_limit // parts if self.cache_limit else None)
        with self._watched(it):
            while not self._over(it) and it.prepare_index < it.total:
                index, given_out = it.prepare_index, it.yield_index
                number = self.spanner[it.sample_ids[index]][0]
                size = self.shards[number].get_max_size()
                if self.predownload < index - given_out or not window.admits(index, number, size, given_out):
                    sleep(TICK)
                    continue
                self.prepare_shard(number, False)
                it.prepare_index += 1

    def _ready_thread(self, it: _Iterator) -> None:
        """Let each row be given out whose shard is there."""
        with self._watched(it):
            while not self._over(it) and it.ready_index < it.total:
                if it.ready_index >= it.prepare_index:
                    sleep(TICK)
                    continue
                number = self.spanner[it.sample_ids[it.ready_index]][0]
                if (state := self._shard_states[number]) == _ShardState.LOCAL:
                    it.ready_index += 1
                elif state == _ShardState.REMOTE:
                    self.prepare_shard(number, False)
                else:
                    sleep(TICK)

    @contextmanager
    def _watched(self, it: _Iterator) -> Iterator[None]:
        """Whatever ends a thread, the iteration hears of it."""
        try:
            yield
        except Exception as error:
            self._failure = error
            self._event.set()
        finally:
            it.on_exit()

    def _over(self, it: _Iterator) -> bool:
        return bool(it.should_exit() or self._event.is_set())
