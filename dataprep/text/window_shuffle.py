"""Brings shuffled windows to their shards through Spark's shuffle, where token files cannot be read at random.

A map task reads one token file from front to back and sends its windows on as blocks, one for each group of shards; a
reduce task holds one group (a few shards, a bounded number of bytes), puts each window in its row, and hands over
finished shards one by one. Rows are placed by position, so the order in which blocks arrive does not matter, and only
windows of shards that are still missing travel.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark import RDD, SparkContext

from dataprep.engine.tasks import Task
from dataprep.text.token_stream import Windows

GROUP_BYTES = 256 << 20
"""Ids that a reduce task holds."""
CHUNK_BYTES = 16 << 20
"""Ids that a map task handles at a time."""
Block = tuple[bytes, bytes]
"""Sample positions (int64), and the ids of those samples."""


@dataclass(frozen=True)
class Groups:
    """The missing shards, in groups that a reduce task can hold."""

    shards: list[Task]
    """Payloads: (number, first sample, last sample + 1); in order."""
    per_group: int

    @property
    def count(self) -> int:
        """Groups: partitions of the shuffle."""
        return -(-len(self.shards) // self.per_group)

    def of(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The group of each sample position; -1 where its shard is not missing."""
        lows, highs = np.array([task.payload[1:] for task in self.shards], np.int64).T
        shard = np.searchsorted(lows, positions, "right") - 1
        wanted = (shard >= 0) & (positions < highs[shard])
        return np.where(wanted, shard // self.per_group, -1)


def deliver(context: SparkContext, shards: list[Task], *, windows: Windows) -> RDD[Task]:
    """The shards' tasks with their samples: payloads (number, ids of shape (samples, seq_len)).

    Args:
        shards: as `SplitShards.tasks` gives them.
    """
    largest = max(high - low for _, low, high in (task.payload for task in shards))
    per_group = max(1, GROUP_BYTES // (largest * windows.seq_len * np.dtype(windows.stream.dtype).itemsize))
    groups = Groups(shards, per_group)
    file_count = len(windows.stream.uris)
    blocks = context.parallelize(range(file_count), file_count).flatMap(
        functools.partial(_send, windows=windows, groups=groups)
    )
    grouped = blocks.partitionBy(groups.count, int)
    return grouped.mapPartitionsWithIndex(functools.partial(_receive, windows=windows, groups=groups))


def _send(file: int, *, windows: Windows, groups: Groups) -> Iterator[tuple[int, Block]]:
    first, last = windows.starting_in(file)
    step = max(1, CHUNK_BYTES // (windows.seq_len * np.dtype(windows.stream.dtype).itemsize))
    for low in range(first, last, step):
        high = min(low + step, last)
        positions = windows.positions(np.arange(low, high, dtype=np.int64))
        group = groups.of(positions)
        if (group < 0).all():
            continue
        rows = windows.block(low, high)
        for one in np.unique(group[group >= 0]).tolist():
            chosen = np.flatnonzero(group == one)
            yield one, (positions[chosen].tobytes(), rows[chosen].tobytes())


def _receive(group: int, blocks: Iterator[tuple[int, Block]], *, windows: Windows, groups: Groups) -> Iterator[Task]:
    shards = groups.shards[group * groups.per_group : (group + 1) * groups.per_group]
    lows = np.array([task.payload[1] for task in shards], np.int64)
    held = [_Held(task, windows) for task in shards]
    for _, (positions_bytes, rows_bytes) in blocks:
        positions = np.frombuffer(positions_bytes, np.int64)
        rows = np.frombuffer(rows_bytes, windows.stream.dtype).reshape(len(positions), windows.seq_len)
        shard = np.searchsorted(lows, positions, "right") - 1
        for one in np.unique(shard).tolist():
            chosen = np.flatnonzero(shard == one)
            held[one].put(positions[chosen], rows[chosen])
    for one in held:
        yield one.task()


class _Held:
    """A shard that is being filled."""

    def __init__(self, task: Task, windows: Windows) -> None:
        self.name, (self.number, self.low, high) = task.name, task.payload
        self.matrix: npt.NDArray[Any] = np.empty((high - self.low, windows.seq_len), windows.stream.dtype)
        self.filled = 0

    def put(self, positions: npt.NDArray[np.int64], rows: npt.NDArray[Any]) -> None:
        self.matrix[positions - self.low] = rows
        self.filled += len(rows)

    def task(self) -> Task:
        assert self.filled == len(self.matrix), f"shard {self.name}: {self.filled} of {len(self.matrix)} samples came"
        return Task(self.name, (self.number, self.matrix))
