"""Holds a dataset's shards as one small table, which all ranks of a node share.

A reader object for every shard in every rank would take several kilobytes each. Here a node's first rank leaves a file
of fixed-size records, which the others and all workers map into memory: about 80 bytes a shard. Readers are made when
they are needed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from streaming.base.format.base.reader import FileInfo
from streaming.base.format.mds import MDSReader

from common import atomic_files


class Layout(msgspec.Struct, frozen=True):
    """Holds what all shards of a dataset share."""

    compression: str | None
    column_names: list[str]
    column_encodings: list[str]
    column_sizes: list[int | None]

    def stored_name(self, name: str) -> str:
        """The file name, as the dataset has it, of the shard that is `name` when it is not compressed."""
        return name if self.compression is None else f"{name}.{self.compression.partition(':')[0]}"


class Shard(MDSReader):
    """Streaming's reader of one shard, with the receipt that its stored file is checked against."""

    digest: int
    """xxh3-64 of the file as stored."""
    number: int
    """In its dataset."""
    in_place = False
    """Read where the dataset lies: takes no room in the cache, and is never evicted."""

    @property
    def stored(self) -> FileInfo:
        """The file as the dataset has it: compressed, if it is."""
        return self.zip_data or self.raw_data

    def get_max_size(self) -> int:
        """Bytes of room that it may take in the cache."""
        return 0 if self.in_place else int(super().get_max_size())


@dataclass(frozen=True)
class ShardTable:
    """All shards of a dataset, in its order."""

    records: NDArray[Any]
    """Structured [shards]: samples, raw and zip (bytes; 0: not compressed), digest (of the stored file), name."""
    layout: Layout

    def __len__(self) -> int:
        return len(self.records)

    @property
    def compressed(self) -> bool:
        """Whether the stored files have to be decompressed before they can be read."""
        return self.layout.compression is not None

    @cached_property
    def _ends(self) -> array[int]:
        return array("q", np.cumsum(self.records["samples"]).tobytes())

    def find(self, sample: int) -> tuple[int, int]:
        """Which shard a sample of the dataset lies in, and its place there."""
        if not 0 <= sample < self._ends[-1]:
            raise IndexError(f"sample {sample:,} of {self._ends[-1]:,}")
        shard = bisect_right(self._ends, sample)
        return shard, sample - (self._ends[shard - 1] if shard else 0)

    def save(self, path: Path) -> None:
        """Write the records; who has the file of an earlier loader mapped keeps it as it was."""
        with atomic_files.new_file(path, durable=False) as part, part.open("wb") as file:
            np.save(file, self.records)

    @classmethod
    def load(cls, path: Path, layout: Layout) -> Self:
        """Map the records of `save` into memory."""
        return cls(np.load(path, mmap_mode="r"), layout)

    def shard(self, number: int, folder: str, *, in_place: bool) -> Shard:
        """Streaming's reader of shard `number`, whose raw file is in `folder`."""
        record, layout = self.records[number], self.layout
        name = record["name"].decode()
        shard = Shard(
            dirname=folder,
            split="",
            column_encodings=layout.column_encodings,
            column_names=layout.column_names,
            column_sizes=layout.column_sizes,
            compression=layout.compression,
            hashes=[],
            raw_data=FileInfo(basename=name, bytes=int(record["raw"]), hashes={}),
            samples=int(record["samples"]),
            size_limit=None,
            zip_data=FileInfo(layout.stored_name(name), int(record["zip"]), {}) if record["zip"] else None,
        )
        shard.number, shard.digest, shard.in_place = number, int(record["digest"]), in_place
        return shard
