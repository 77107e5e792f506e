"""One MDS shard: samples in, the file's bytes and its `index.json` entry out.

A shard is: u32 sample count, u32 offsets[count + 1] from the file's start, a JSON block with the columns, the samples.
A sample is the u32 sizes of its variable columns, then all values in the order of the sorted column names. With one
fixed array as its only column (text), a shard is written from rows of numpy arrays at memory speed (`write_rows`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
import zstandard

from dataprep.mds.encodings import Column, column
from dataprep.mds.index import ShardEntry, shard_basename
from dataprep.write_behind import WriteBehind

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
        """One sample's bytes: sizes of the variable columns (u32 each), then the values.

        A `bytes` value may come as a list of pieces, which are copied once instead of twice.
        """
        sizes: list[int] = []
        parts: list[bytes] = [b""]
        for one in self.in_order:
            value = sample[one.name]
            pieces = value if isinstance(value, list) else [one.encode(value)]
            if one.size is None:
                sizes.append(sum(map(len, pieces)))
            parts += pieces
        parts[0] = np.array(sizes, np.uint32).tobytes()
        return b"".join(parts)

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


@dataclass(frozen=True)
class StoredShard:
    """A finished shard in a file, and what the index and the manifest say about it."""

    entry: ShardEntry
    bytes: int
    digest: str
    """xxh3-64 of the stored bytes."""

    @property
    def basename(self) -> str:
        """File name as stored (`.zstd` included)."""
        return str((self.entry["zip_data"] or self.entry["raw_data"])["basename"])


def write_rows(layout: Layout, number: int, samples: int, rows: Iterable[npt.NDArray[Any]], path: Path) -> StoredShard:
    """Write shard `number`, whose only column is a fixed array, to `path` from its samples a few at a time.

    A piece is hashed and written while it is in the core's cache; the shard is in memory as a whole only if it is to
    be compressed.

    Args:
        rows: pieces of shape (n, ...), `samples` rows in all; a piece may be reused once the next is asked for.

    Raises:
        ValueError: a piece does not fit the column, another number of rows than `samples`, none, or 4 GiB and more.
    """
    (one,) = layout.in_order
    if one.size is None:
        raise ValueError(f"column {one.name} has no fixed size")
    head = _head(layout, np.full(samples, one.size, np.int64))
    raw, stored, digest = xxhash.xxh64(head), xxhash.xxh64(), xxhash.xxh3_64()
    held, count, length = bytearray(head if layout.compression else b""), 0, 0
    with WriteBehind(path) as file:

        def store(data: Any) -> None:
            nonlocal length
            digest.update(data)
            file.write(data)
            length += memoryview(data).nbytes

        if not layout.compression:
            store(head)
        for piece in rows:
            one.encode(piece[0])  # checks dtype and shape
            data = np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data
            count += len(piece)
            raw.update(data)
            if layout.compression:
                held += data
            else:
                store(data)
        if count != samples:
            raise ValueError(f"{count:,} rows for a shard of {samples:,} samples")
        if layout.compression:
            packed = _compress(layout.compression, held)
            stored.update(packed)
            store(packed)
    raw_bytes = len(head) + samples * one.size
    entry = _entry(layout, number, samples, (raw_bytes, raw.hexdigest()), (length, stored.hexdigest()))
    return StoredShard(entry, length, digest.hexdigest())


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
    packed = _compress(layout.compression, raw) if layout.compression else raw
    sizes = [(len(data), xxhash.xxh64_hexdigest(data)) for data in (raw, packed)]
    return Shard(packed, _entry(layout, number, samples, *sizes))


def _entry(layout: Layout, number: int, samples: int, raw: tuple[int, str], packed: tuple[int, str]) -> ShardEntry:
    """The shard's element of the index; `raw` and `packed` are bytes and xxh64."""

    def about(data: tuple[int, str], *, compressed: bool) -> dict[str, Any]:
        name = shard_basename(number, compressed=compressed)
        return {"basename": name, "bytes": data[0], "hashes": {HASH: data[1]}}

    zip_data = about(packed, compressed=True) if layout.compression else None
    return {"samples": samples, "raw_data": about(raw, compressed=False), "zip_data": zip_data, **layout.config}


def _compress(algorithm: str, raw: bytes | bytearray) -> bytes:
    name, _, level = algorithm.partition(":")
    if name != "zstd":
        raise ValueError(f"compression {algorithm!r}; dataprep writes zstd or none")
    return zstandard.ZstdCompressor(level=int(level or 3)).compress(raw)
