"""Gathers each shard's windows from the token files and writes the shard, one task per shard: the second stage.

A shard's bytes depend on the plan and the token counts alone. Three ways to get at its windows give the same bytes:
in stream order they are one range; shuffled, from local token files, each is read from its place; shuffled, from
an object store, where a thousand small reads are slow and cost money, Spark brings them together (`exchange`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from dataprep.engine.progress import Progress
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt, Task, run_tasks
from dataprep.mds.layout import Layout
from dataprep.mds.shard import write_rows
from dataprep.storage import files
from dataprep.text import window_shuffle
from dataprep.text.config import TextJob
from dataprep.text.token_stream import Reader, TokenStream, Windows, shard_bounds, shuffle_key
from dataprep.tokens.tokenizer import TokenizerSpec
from schemas.manifest import ShardReceipt

PIECE_BYTES = 1 << 20
"""Ids gathered, hashed and written at a time: few enough to stay in a core's cache."""


@dataclass(frozen=True)
class SplitShards:
    """All shards of one split."""

    split: str
    folder: str
    """Below the dataset's root; "" for the dataset itself."""
    windows: Windows
    layout: Layout
    per_shard: int
    """At most so many samples in a shard."""

    @property
    def stage(self) -> str:
        """Name of the stage that writes them."""
        return f"shards-{self.split}"

    def tasks(self) -> list[Task]:
        """One task for each shard: (number, first sample, last sample + 1)."""
        bounds = shard_bounds(self.windows.count, self.per_shard).tolist()
        return [Task(f"{n:06}", (n, low, high)) for n, (low, high) in enumerate(pairwise(bounds))]


def plan_shards(split: str, stream: TokenStream, job: TextJob, spec: TokenizerSpec) -> SplitShards:
    """The shards of `split`, whose ids are `stream`."""
    key = shuffle_key(job.seed, split) if job.shuffle else None
    windows = Windows(stream, job.seq_len, spec.identity.pad_id, key)
    layout = Layout({"tokens": f"ndarray:{spec.dtype}:{job.seq_len}"}, job.compression, job.shard_bytes)
    per_shard = job.shard_bytes // (job.seq_len * spec.dtype.itemsize)
    return SplitShards(split, "" if split == "train" else split, windows, layout, per_shard)


def run_shards(spark: SparkSession, shards: SplitShards, out: str, progress: Progress | None = None) -> list[Receipt]:
    """Write the shards of a split that have no receipt yet; the receipts of all, in order."""
    exchanged = shards.windows.key is not None and not files.is_local(out)
    work = functools.partial(write_matrix if exchanged else write_shard, shards=shards)
    deliver = functools.partial(window_shuffle.deliver, windows=shards.windows) if exchanged else None
    tasks = shards.tasks()
    return run_tasks(spark, tasks, work, out=out, stage=shards.stage, progress=progress, deliver=deliver)


def write_shard(payload: tuple[int, int, int], scratch: Scratch, *, shards: SplitShards) -> Receipt:
    """Read the windows of samples [low, high) and write them as shard `number`; see `write_matrix`."""
    number, low, high = payload
    return _write(number, high - low, pieces(shards.windows, low, high), scratch, shards)


def write_matrix(payload: tuple[int, npt.NDArray[Any]], scratch: Scratch, *, shards: SplitShards) -> Receipt:
    """Write one shard from its samples, shape (samples, seq_len).

    The receipt has: tokens, entry (for the index), shard (for the manifest).
    """
    number, matrix = payload
    return _write(number, len(matrix), [matrix], scratch, shards)


def pieces(windows: Windows, low: int, high: int) -> Iterator[npt.NDArray[Any]]:
    """The samples [low, high), a piece at a time."""
    step = max(1, PIECE_BYTES // (windows.seq_len * np.dtype(windows.stream.dtype).itemsize))
    with Reader(windows.stream.uris) as reader:
        for first in range(low, high, step):
            last = min(first + step, high)
            if windows.key is None:
                yield windows.block(first, last)
            else:
                yield windows.gather(windows.at(np.arange(first, last, dtype=np.int64)), reader)


def _write(
    number: int, samples: int, rows: Iterable[npt.NDArray[Any]], scratch: Scratch, shards: SplitShards
) -> Receipt:
    local = scratch.path("shard.mds")
    stored = write_rows(shards.layout, number, samples, rows, local)
    name = f"{shards.folder}/{stored.basename}" if shards.folder else stored.basename
    scratch.publish(local, name, stored.digest)
    about = ShardReceipt(name=stored.basename, samples=samples, bytes=stored.bytes, digest=stored.digest)
    return {"tokens": samples * shards.windows.seq_len, "entry": stored.entry, "shard": about.model_dump()}
