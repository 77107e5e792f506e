"""Cuts the token stream into windows.

The stream is all token files end to end, in plan order. Window w is its tokens [w L, (w + 1) L), L = seq_len, across
file boundaries; only the last window can be short, and is padded. Which window stands at which sample is a keyed
permutation, a pure function of (seed, position), so no task needs to know another's order.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dataprep.storage import files
from schemas.order.permutation import derive_key, permute, unpermute

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

    def gather(self, windows: Positions, reader: Reader) -> npt.NDArray[Any]:
        """The ids of `windows`, in that order, from local files: shape (len(windows), seq_len).

        Args:
            reader: of the stream's files.
        """
        length, starts, counts = self.seq_len, self.stream.starts, np.array(self.stream.counts, np.int64)
        rows = np.empty((len(windows), length), self.stream.dtype)
        offsets = windows * length
        file = np.searchsorted(starts, offsets, "right") - 1
        at = offsets - starts[file]
        inside = at + length <= counts[file]
        places = (at * rows.itemsize).tolist()
        for row, (number, place, whole) in enumerate(zip(file.tolist(), places, inside.tolist(), strict=True)):
            if whole:
                reader.read(number, place, rows[row])
            else:  # spans files, or is the padded one
                ids = self.stream.read(int(offsets[row]), int(offsets[row]) + length)
                rows[row, : len(ids)], rows[row, len(ids) :] = ids, self.pad_id
        return rows


class Reader:
    """Reads pieces of local files into arrays; a context manager. It keeps some files open, and maps none.

    A mapping would count as the task's own memory, page by page, until it held all token files.
    """

    MOST = 256
    """Files open at a time."""

    def __init__(self, uris: Sequence[str]) -> None:
        self._uris, self._open = uris, dict[int, int]()

    def read(self, number: int, place: int, into: npt.NDArray[Any]) -> None:
        """Fill `into` from byte `place` of file `number`.

        Raises:
            EOFError: the file ends before.
        """
        descriptor = self._open.get(number)
        if descriptor is None:
            if len(self._open) >= self.MOST:
                self.close()
            descriptor = self._open[number] = os.open(self._uris[number], os.O_RDONLY)
        if os.preadv(descriptor, [into.data], place) != into.nbytes:
            raise EOFError(f"{self._uris[number]} is shorter than its receipt says")

    def close(self) -> None:
        """Close all files; reading opens them again."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shuffle_key(seed: int, split: str) -> int:
    """Key of the window permutation. Its first part is no module's name, though it looks like one: it decides bytes."""
    return derive_key("dataprep.text.windows", seed, split)


def shard_bounds(samples: int, per_shard: int) -> npt.NDArray[np.int64]:
    """First sample of each shard, and the total: as few shards as `per_shard` allows, equal to within one sample."""
    shards = max(1, -(-samples // per_shard))
    return np.arange(shards + 1, dtype=np.int64) * samples // shards
