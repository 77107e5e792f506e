"""Reads an MDS shard's samples, for checks: numpy views, no `streaming`, nothing that runs code from the file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from dataprep.mds.encodings import column
from dataprep.mds.index import ShardEntry
from dataprep.mds.layout import Layout


def raw_bytes(stored: bytes, entry: ShardEntry) -> bytes:
    """The shard's uncompressed bytes.

    Raises:
        ValueError: damaged, or not of the size that the index says.
    """
    expected = int(entry["raw_data"]["bytes"])
    if entry["compression"] is None:
        raw = stored
    else:
        try:
            raw = zstandard.ZstdDecompressor().decompress(stored, max_output_size=expected)
        except zstandard.ZstdError as error:
            raise ValueError(f"cannot be decompressed ({error})") from None
    if len(raw) != expected:
        raise ValueError(f"{len(raw):,} bytes, the index says {expected:,}")
    return raw


def offsets(raw: bytes, samples: int) -> npt.NDArray[np.int64]:
    """Start of each sample in `raw`, and the end of the last: shape (samples + 1,).

    Raises:
        ValueError: the shard's own table does not fit.
    """
    if len(raw) < 4 * (samples + 2):
        raise ValueError("too short for its table of samples")
    if (count := int(np.frombuffer(raw, np.uint32, 1)[0])) != samples:
        raise ValueError(f"holds {count:,} samples, the index says {samples:,}")
    table = np.frombuffer(raw, np.uint32, samples + 1, 4).astype(np.int64)
    if table[-1] != len(raw) or table[0] < 4 * (samples + 2) or (np.diff(table) < 0).any():
        raise ValueError("its table of samples is damaged")
    return table


def samples(raw: bytes, count: int) -> list[bytes]:
    """The shard's samples, encoded as they are. Raises ValueError for a damaged table."""
    table = offsets(raw, count).tolist()
    return [raw[low:high] for low, high in itertools.pairwise(table)]


def decode(layout: Layout, sample: bytes) -> dict[str, Any]:
    """Values by column name of an encoded sample: `bytes`, `str` and arrays (which may be written to).

    Raises:
        ValueError: it does not have the columns of `layout`.
    """
    columns = layout.in_order
    variable = sum(one.size is None for one in columns)
    lengths = iter(np.frombuffer(sample, np.uint32, variable).tolist())
    at, found = 4 * variable, dict[str, Any]()
    for one in columns:
        size = next(lengths) if one.size is None else one.size
        found[one.name] = _value(one.encoding, sample[at : at + size])
        at += size
    if at != len(sample):
        raise ValueError("a sample has the wrong size")
    return found


def _value(encoding: str, data: bytes) -> Any:
    if encoding in ("bytes", "str"):
        return data if encoding == "bytes" else data.decode()
    kind, _, rest = encoding.partition(":")
    if kind != "ndarray":
        raise ValueError(f"a column of the encoding {encoding!r}")
    dtype, _, shape = rest.partition(":")
    if shape:
        return np.frombuffer(data, dtype).reshape([int(side) for side in shape.split(",")]).copy()
    if not data:
        raise ValueError("an array without its shape")
    dimensions, width = data[0] >> 2, 1 << (data[0] & 3)
    sides = np.frombuffer(data, f"<u{width}", dimensions, 1).tolist()
    values = np.frombuffer(data, dtype, offset=1 + dimensions * width)
    if math.prod(sides) != len(values):  # a side may be too large for numpy to be asked
        raise ValueError("an array of another shape than it says")
    return values.reshape(sides).copy()


def fixed_column(raw: bytes, entry: ShardEntry, name: str) -> Iterator[npt.NDArray[Any]]:
    """Values of the fixed array column `name`, in runs of samples: arrays of shape (samples in the run, values).

    One run for the whole shard where all columns are fixed, one for each sample otherwise.

    Raises:
        ValueError: no such column, not an array of fixed shape, or a damaged shard.
    """
    table = offsets(raw, int(entry["samples"]))
    columns = [column(*pair) for pair in zip(entry["column_names"], entry["column_encodings"], strict=True)]
    sizes: Sequence[int | None] = [one.size for one in columns]
    at = [one.name for one in columns].index(name)
    size = sizes[at]
    if size is None:
        raise ValueError(f"column {name} has no fixed size")
    dtype = np.dtype(columns[at].encoding.split(":")[1])
    if None not in sizes:
        start, width = sum(s or 0 for s in sizes[:at]), sum(s or 0 for s in sizes)
        if (np.diff(table) != width).any():
            raise ValueError("a sample has the wrong size")
        grid = np.frombuffer(raw, np.uint8, offset=int(table[0])).reshape(-1, width)[:, start : start + size]
        yield np.ascontiguousarray(grid).view(dtype)
        return
    variable = sum(1 for one in sizes if one is None)
    for low, high in zip(table[:-1].tolist(), table[1:].tolist(), strict=True):
        lengths = iter(np.frombuffer(raw, np.uint32, variable, low).tolist())
        actual = [one if one is not None else next(lengths) for one in sizes]
        if 4 * variable + sum(actual) != high - low:
            raise ValueError("a sample has the wrong size")
        start = low + 4 * variable + sum(actual[:at])
        yield np.frombuffer(raw[start : start + size], dtype).reshape(1, -1)
