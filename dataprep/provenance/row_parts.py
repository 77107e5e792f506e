"""Records which row is at which position of an image dataset: a Parquet sidecar, one part per task, one row per item.

A takedown request names a URL, an odd gradient names a sample; both lead here. `sample` counts within the task's
shards, `start` is the item's first position in that window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import InputError
from dataprep.engine.dataset import load_manifest
from dataprep.storage import files

FOLDER = "provenance"
SHARDS_PER_TASK = 1000


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


def part_file(task: int) -> str:
    """Name of the part of task number `task`, below the dataset's root."""
    return f"{FOLDER}/{task:05}.parquet"


def why(dataset: str, sample: int) -> list[dict[str, Any]]:
    """The rows behind `sample` of an image dataset, by position: start, tokens, images, row, and where each is from.

    Raises:
        InputError: not a finished dataset, or it has no such sample.
    """
    root = files.absolute(dataset)
    manifest = load_manifest(root)
    if not 0 <= sample < manifest.samples:
        raise InputError(f"no sample {sample}", file=dataset, remedy=f"samples are 0 to {manifest.samples - 1}")
    of_task: dict[int, int] = {}
    left = sample
    for shard in manifest.shards:
        task = task_of(shard.name)
        if left < shard.samples:
            break
        left -= shard.samples
        of_task[task] = of_task.get(task, 0) + shard.samples
    with files.open_input(files.join(root, part_file(task))) as stream:
        rows = pq.read_table(stream, filters=[("sample", "=", of_task.get(task, 0) + left)]).to_pylist()
    return [{name: value for name, value in row.items() if name != "sample"} for row in rows]


def uids(dataset: str, sample: int) -> list[str | None]:
    """The uid of each picture of `sample`. Raises InputError as `why` does."""
    return [row.get("uid") for row in why(dataset, sample) for _ in range(row["images"])]


def shard_number(task: int, index: int) -> int:
    """Number of the shard `index` of task `task`: known without asking other tasks, in task order."""
    if index >= SHARDS_PER_TASK:
        raise InputError(
            f"task {task} has more than {SHARDS_PER_TASK:,} shards",
            field="shard_bytes",
            remedy="raise it, to fewer shards",
        )
    return task * SHARDS_PER_TASK + index


def task_of(shard: str) -> int:
    """Number of the task that wrote the shard file named `shard` (`shard.02001.mds`: 2)."""
    return int(shard.split(".")[1]) // SHARDS_PER_TASK


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


def read_part(root: str, task: int) -> pa.Table:
    """The part of task number `task` of the dataset `root`."""
    with files.open_input(files.join(root, part_file(task))) as stream:
        return pq.read_table(stream)


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
