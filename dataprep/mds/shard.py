"""One MDS shard: samples in, the file's bytes and its `index.json` entry out.

A shard is: u32 sample count, u32 offsets[count + 1] from the file's start, a JSON block with the columns, the samples.
A sample is the u32 sizes of its variable columns, then all values in the order of the sorted column names. With fixed
array columns only, samples are rows of one matrix, and the shard is assembled by numpy at memory speed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
import zstandard

from dataprep.mds.encodings import Column, column
from dataprep.mds.index import ShardEntry, shard_basename

MAX_BYTES = (1 << 32) - 1
"""Offsets are uint32."""
HASH = "xxh64"


@dataclass(frozen=True)
class Layout:
    """What all shards of a dataset share."""

    columns: Mapping[str, str]
    """Encoding by column name."""
    compression: str | None = None
    """None, `zstd` (level 3) or `zstd:LEVEL`."""
    size_limit: int | None = None
    """Recorded in the index for the reader's information: raw bytes at which the job starts a new shard."""

    @cached_property
    def in_order(self) -> list[Column]:
        """The columns as samples hold them."""
        return [column(name, self.columns[name]) for name in sorted(self.columns)]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The JSON block inside every shard, and the common part of every index entry."""
        return {
            "version": 2,
            "format": "mds",
            "compression": self.compression,
            "hashes": [HASH],
            "size_limit": self.size_limit,
            "column_names": [one.name for one in self.in_order],
            "column_encodings": [one.encoding for one in self.in_order],
            "column_sizes": [one.size for one in self.in_order],
        }

    @cached_property
    def header(self) -> bytes:
        """The JSON block's bytes."""
        return json.dumps(self.config, sort_keys=True).encode()

    def encode_sample(self, sample: Mapping[str, Any]) -> bytes:
        """One sample's bytes: sizes of the variable columns (u32 each), then the values."""
        values = [one.encode(sample[one.name]) for one in self.in_order]
        sizes = [len(value) for one, value in zip(self.in_order, values, strict=True) if one.size is None]
        return np.array(sizes, np.uint32).tobytes() + b"".join(values)

    def bytes_of(self, sample_bytes: int, samples: int) -> int:
        """Size of a shard whose `samples` samples have `sample_bytes` bytes in all."""
        return 4 + 4 * (samples + 1) + len(self.header) + sample_bytes


@dataclass(frozen=True)
class Shard:
    """A finished shard: the bytes to store, and what the index and the manifest say about them."""

    data: bytes
    entry: ShardEntry

    @property
    def basename(self) -> str:
        """File name as stored (`.zstd` included)."""
        return str((self.entry["zip_data"] or self.entry["raw_data"])["basename"])

    @property
    def digest(self) -> str:
        """xxh3-64 of the stored bytes, for the manifest."""
        return xxhash.xxh3_64_hexdigest(self.data)


def encode_samples(layout: Layout, number: int, samples: Iterable[Mapping[str, Any]]) -> Shard:
    """Shard `number` of a dataset from `samples` (values by column name)."""
    return join_samples(layout, number, [layout.encode_sample(sample) for sample in samples])


def join_samples(layout: Layout, number: int, encoded: Sequence[bytes]) -> Shard:
    """Shard `number` from samples that `layout.encode_sample` has encoded already.

    Raises:
        ValueError: no samples, or 4 GiB and more.
    """
    sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return _finish(layout, number, len(encoded), [_head(layout, sizes), *encoded])


def encode_matrix(layout: Layout, number: int, columns: Mapping[str, npt.NDArray[Any]]) -> Shard:
    """Shard `number` when all columns are fixed arrays: `columns[name]` has shape (samples, ...), row i is sample i.

    Raises:
        ValueError: an array does not fit its column, no samples, or 4 GiB and more.
    """
    count = len(next(iter(columns.values())))
    rows = []
    for one in layout.in_order:
        values = np.ascontiguousarray(columns[one.name])
        if len(values) != count or not count or one.size is None:
            raise ValueError(f"column {one.name}: expected {count} rows of a fixed size")
        one.encode(values[0])  # checks dtype and shape
        rows.append(values.reshape(count, -1).view(np.uint8))
    body = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
    sizes = np.full(count, body.shape[1], np.int64)
    return _finish(layout, number, count, [_head(layout, sizes), body.data])


def _head(layout: Layout, sizes: npt.NDArray[np.int64]) -> bytes:
    count = len(sizes)
    if not count:
        raise ValueError("a shard needs at least one sample")
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    offsets += layout.bytes_of(0, count)
    if offsets[-1] > MAX_BYTES:
        raise ValueError(f"a shard of {offsets[-1]:,} bytes; MDS allows {MAX_BYTES:,}")
    return np.uint32(count).tobytes() + offsets.astype(np.uint32).tobytes() + layout.header


def _finish(layout: Layout, number: int, samples: int, parts: list[Any]) -> Shard:
    raw = b"".join(parts)
    raw_data = {"basename": shard_basename(number), "bytes": len(raw), "hashes": {HASH: xxhash.xxh64_hexdigest(raw)}}
    entry: ShardEntry = {"samples": samples, "raw_data": raw_data, "zip_data": None, **layout.config}
    if layout.compression is None:
        return Shard(raw, entry)
    packed = _compress(layout.compression, raw)
    name = shard_basename(number, compressed=True)
    entry["zip_data"] = {"basename": name, "bytes": len(packed), "hashes": {HASH: xxhash.xxh64_hexdigest(packed)}}
    return Shard(packed, entry)


def _compress(algorithm: str, raw: bytes) -> bytes:
    name, _, level = algorithm.partition(":")
    if name != "zstd":
        raise ValueError(f"compression {algorithm!r}; dataprep writes zstd or none")
    return zstandard.ZstdCompressor(level=int(level or 3)).compress(raw)
