"""Makes one MDS shard from samples: the file's bytes and its `index.json` entry.

A shard is: u32 sample count, u32 offsets[count + 1] from the file's start, a JSON block with the columns, the samples.
The offsets come first, so whoever knows the samples' sizes beforehand writes a shard as its samples come, hashed and
stored while they are in the core's cache (`write_samples`). With one fixed array as the only column (text), it is
written from rows of numpy arrays at memory speed (`write_rows`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
import zstandard

from dataprep.mds.index import ShardEntry, shard_basename
from dataprep.mds.layout import HASH, Layout

MAX_BYTES = (1 << 32) - 1
"""Offsets are uint32."""


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

    Args:
        rows: pieces of shape (n, ...), `samples` rows in all; a piece may be reused once the next is asked for.

    Raises:
        ValueError: a piece does not fit the column, another number of rows than `samples`, none, or 4 GiB and more.
    """
    (one,) = layout.in_order
    if one.size is None:
        raise ValueError(f"column {one.name} has no fixed size")
    size = one.size

    def pieces() -> Iterator[Any]:
        count = 0
        for piece in rows:
            one.encode(piece[0])  # checks dtype and shape
            count += len(piece)
            yield np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data
        if count != samples:
            raise ValueError(f"{count:,} rows for a shard of {samples:,} samples")

    return _stream(layout, number, np.full(samples, size, np.int64), pieces(), path)


def write_samples(
    layout: Layout, number: int, sizes: Sequence[int], encoded: Iterable[bytes], path: Path
) -> StoredShard:
    """Write shard `number` to `path` from samples that `layout.encode_sample` has encoded, one at a time.

    Args:
        sizes: bytes of each sample, known before the first one is made.

    Raises:
        ValueError: a sample of another size, more or fewer samples, none, or 4 GiB and more.
    """

    def pieces() -> Iterator[bytes]:
        for size, sample in zip(sizes, encoded, strict=True):
            if len(sample) != size:
                raise ValueError(f"a sample of {len(sample):,} bytes, announced as {size:,}")
            yield sample

    return _stream(layout, number, np.asarray(sizes, np.int64), pieces(), path)


def _stream(
    layout: Layout, number: int, sizes: npt.NDArray[np.int64], pieces: Iterable[Any], path: Path
) -> StoredShard:
    """A shard as its pieces come, hashed and written while each is in the core's cache.

    It is in memory as a whole only if it is to be compressed.
    """
    head = _head(layout, sizes)
    raw, stored, digest = xxhash.xxh64(head), xxhash.xxh64(), xxhash.xxh3_64()
    held, length = bytearray(head if layout.compression else b""), 0
    with path.open("xb") as file:

        def store(data: Any) -> None:
            nonlocal length
            digest.update(data)
            file.write(data)
            length += memoryview(data).nbytes

        if not layout.compression:
            store(head)
        for data in pieces:
            raw.update(data)
            if layout.compression:
                held += data
            else:
                store(data)
        if layout.compression:
            packed = _compress(layout.compression, held)
            stored.update(packed)
            store(packed)
    raw_bytes = len(head) + int(sizes.sum())
    entry = _entry(layout, number, len(sizes), (raw_bytes, raw.hexdigest()), (length, stored.hexdigest()))
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
