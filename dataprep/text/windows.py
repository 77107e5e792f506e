"""The token stream and its windows.

The stream is all token files end to end, in plan order. Window w is its tokens [w L, (w + 1) L), L = seq_len, across
file boundaries; only the last window can be short, and is padded. Which window stands at which sample is a keyed
permutation, a pure function of (seed, position), so no task needs to know another's order.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dataprep import files
from schemas.permutation import derive_key, permute, unpermute

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenStream:
    """Token files of one split, as one array of ids that is never in memory as a whole."""

    uris: tuple[str, ...]
    counts: tuple[int, ...]
    """Ids in each file."""
    dtype: str

    @functools.cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Stream offset of each file's first id, and the total: shape (files + 1,)."""
        starts = np.zeros(len(self.counts) + 1, np.int64)
        np.cumsum(np.array(self.counts, np.int64), out=starts[1:])
        return starts

    @property
    def total(self) -> int:
        """Ids in the stream."""
        return int(self.starts[-1])

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Ids [start, stop), shortened at the stream's end."""
        stop = min(stop, self.total)
        first = int(np.searchsorted(self.starts, start, "right")) - 1
        last = int(np.searchsorted(self.starts, stop, "left"))
        parts = []
        for file in range(first, last):
            low, high = (int(min(max(x - self.starts[file], 0), self.counts[file])) for x in (start, stop))
            if low < high:
                parts.append(self.part(file, low, high))
        return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def part(self, file: int, low: int, high: int) -> npt.NDArray[Any]:
        """Ids [low, high) of one file; a local file is mapped, not read."""
        uri, width = self.uris[file], np.dtype(self.dtype).itemsize
        if files.is_local(uri):
            return np.memmap(uri, self.dtype, "r")[low:high]
        with files.open_input(uri) as stream:
            stream.seek(low * width)
            return np.frombuffer(stream.read((high - low) * width), self.dtype)


@dataclass(frozen=True)
class Windows:
    """The windows of a stream, and their order in the dataset."""

    stream: TokenStream
    seq_len: int
    pad_id: int
    key: int | None
    """Key of the permutation; None keeps the stream's order."""

    @property
    def count(self) -> int:
        """Windows, the padded one included."""
        return -(-self.stream.total // self.seq_len)

    @property
    def padding(self) -> int:
        """Pad ids in the last window."""
        return self.count * self.seq_len - self.stream.total

    def block(self, low: int, high: int) -> npt.NDArray[Any]:
        """The ids of windows [low, high), read in one go: shape (high - low, seq_len)."""
        ids = self.stream.read(low * self.seq_len, high * self.seq_len)
        if len(ids) < (high - low) * self.seq_len:
            padding = np.full((high - low) * self.seq_len - len(ids), self.pad_id, self.stream.dtype)
            ids = np.concatenate([ids, padding])
        return ids.reshape(high - low, self.seq_len)

    def starting_in(self, file: int) -> tuple[int, int]:
        """Windows [low, high) whose first id is in `file`."""
        low, high = (-(-int(start) // self.seq_len) for start in self.stream.starts[file : file + 2])
        return low, high

    def at(self, positions: Positions) -> Positions:
        """The window that stands at each sample position."""
        return positions if self.key is None else permute(positions, self.count, self.key)

    def positions(self, windows: Positions) -> Positions:
        """The sample position of each window: the inverse of `at`."""
        return windows if self.key is None else unpermute(windows, self.count, self.key)

    def gather(self, windows: Positions) -> npt.NDArray[Any]:
        """The ids of `windows`, in that order, from local files: shape (len(windows), seq_len).

        Windows that lie inside one file are picked as rows of that file's mapping; the few that span files or need
        padding are put together one by one.
        """
        length, starts = self.seq_len, self.stream.starts
        rows = np.full((len(windows), length), self.pad_id, self.stream.dtype)
        offsets = windows * length
        file = np.searchsorted(starts, offsets, "right") - 1
        inside = offsets + length <= starts[file + 1]
        order = np.argsort(windows, kind="stable")
        order_inside = order[inside[order]]
        cuts = np.searchsorted(file[order_inside], np.unique(file[order_inside]), "left")
        for group in np.split(order_inside, cuts[1:]) if len(order_inside) else []:
            index = int(file[group[0]])
            base, phase = starts[index], int(-starts[index] % length)
            whole = (self.stream.counts[index] - phase) // length
            grid = self.stream.part(index, phase, phase + whole * length).reshape(whole, length)
            rows[group] = grid[(offsets[group] - base - phase) // length]
        for row in np.flatnonzero(~inside):
            ids = self.stream.read(int(offsets[row]), int(offsets[row]) + length)
            rows[row, : len(ids)] = ids
        return rows


def shuffle_key(seed: int, split: str) -> int:
    """Key of the window permutation."""
    return derive_key("dataprep.text.windows", seed, split)


def shard_bounds(samples: int, per_shard: int) -> npt.NDArray[np.int64]:
    """First sample of each shard, and the total: as few shards as `per_shard` allows, equal to within one sample."""
    shards = max(1, -(-samples // per_shard))
    return np.arange(shards + 1, dtype=np.int64) * samples // shards
