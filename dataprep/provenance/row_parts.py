"""Writes and reads the sidecar that says which rows an image dataset's samples hold (`schemas.row_provenance`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import InputError
from dataprep.engine.checksums import Checksums
from dataprep.engine.dataset import load_manifest
from dataprep.storage import files
from schemas import row_provenance
from schemas.row_provenance import SHARDS_PER_TASK, part_file


class Traceable(Protocol):
    """Offers what a row of the sidecar is made from; `dataprep.image_text.write_windows.Item` is one."""

    @property
    def name(self) -> str:
        """Names the input row."""

    @property
    def ids(self) -> Any:
        """Returns the ids of the row."""

    @property
    def images(self) -> Sequence[Any]:
        """Returns the images of the row."""

    @property
    def origin(self) -> Mapping[str, str | None]:
        """Where it comes from."""


def why(dataset: str, sample: int) -> list[dict[str, Any]]:
    """The rows behind `sample` of an image dataset, by position: start, tokens, images, row, and where each is from.

    Raises:
        InputError: not a finished dataset, or it has no such sample.
    """
    root = files.absolute(dataset)
    manifest = load_manifest(root)
    if not 0 <= sample < manifest.samples:
        raise InputError(f"no sample {sample}", file=dataset, remedy=f"samples are 0 to {manifest.samples - 1}")
    task, number = row_provenance.place_of(manifest, sample)
    part = pa.BufferReader(Checksums.load(root).read(part_file(task)))
    rows = pq.read_table(part, filters=[("sample", "=", number)]).to_pylist()
    return [{name: value for name, value in row.items() if name != "sample"} for row in rows]


def uids(dataset: str, sample: int) -> list[str | None]:
    """The uid of each picture of `sample`. Raises InputError as `why` does."""
    return row_provenance.uids(why(dataset, sample))


def shard_number(task: int, index: int) -> int:
    """Number of the shard `index` of task `task`: known without asking other tasks, in task order."""
    if index >= SHARDS_PER_TASK:
        raise InputError(
            f"task {task} has more than {SHARDS_PER_TASK:,} shards",
            field="shard_bytes",
            remedy="raise it, to fewer shards",
        )
    return task * SHARDS_PER_TASK + index


def parquet(items: Sequence[Traceable], windows: Sequence[Sequence[int]]) -> bytes:
    """The part's bytes: a row for each of `items` in the order in which `windows` (indices into `items`) hold them."""
    held = [items[index] for window in windows for index in window]
    counts = np.fromiter(map(len, windows), np.int64, len(windows))
    tokens = np.fromiter((len(item.ids) for item in held), np.int64, len(held))
    ends = np.cumsum(tokens)
    first = np.cumsum(counts) - counts  # of each window, its first row
    numbers = {
        "sample": np.repeat(np.arange(len(windows)), counts),
        "start": ends - tokens - np.repeat((ends - tokens)[first], counts),
        "tokens": tokens,
        "images": np.fromiter((len(item.images) for item in held), np.int64, len(held)),
    }
    columns = {name: pa.array(values.astype(np.int32)) for name, values in numbers.items()}
    columns["row"] = pa.array([item.name for item in held], pa.string())
    for name in items[0].origin if items else ():
        columns[name] = pa.array([item.origin[name] for item in held], pa.string())
    return part_bytes(pa.table(columns))


def part_bytes(table: pa.Table) -> bytes:
    """A part as it is stored."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_part(sums: Checksums, task: int) -> pa.Table:
    """The part of task number `task` of the dataset that `sums` lists.

    Raises:
        InputError: it is not as it was written.
    """
    return pq.read_table(pa.BufferReader(sums.read(part_file(task))))


def without(table: pa.Table, gone: Set[int]) -> pa.Table:
    """The part `table` without the rows in `gone` (indices); those behind them in a window move up."""
    kept = np.array([row not in gone for row in range(table.num_rows)], bool)
    lengths, samples = np.asarray(table["tokens"]), np.asarray(table["sample"])
    ends = np.cumsum(np.where(kept, lengths, 0)) - np.where(kept, lengths, 0)
    first = np.flatnonzero(np.diff(samples, prepend=-1))
    base = np.repeat(ends[first], np.diff(np.append(first, len(samples))))
    starts = pa.array((ends - base).astype(np.int32))
    moved = table.set_column(table.column_names.index("start"), table.schema.field("start"), starts)
    return moved.filter(pa.array(kept))
