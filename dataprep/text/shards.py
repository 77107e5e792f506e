"""Second stage: one task per shard gathers its windows from the token files and writes the shard.

A shard's bytes depend on the plan and the token counts alone. Three ways to get at its windows give the same bytes:
in stream order they are one range; shuffled, from local token files, rows are picked from memory maps; shuffled, from
an object store, where a thousand small reads are slow and cost money, Spark brings them together (`exchange`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from dataprep import files
from dataprep.mds.shard import Layout, encode_matrix
from dataprep.progress import Progress
from dataprep.tasks import Receipt, Scratch, Task, run_tasks
from dataprep.text import exchange
from dataprep.text.config import TextJob
from dataprep.text.windows import TokenStream, Windows, shard_bounds, shuffle_key
from dataprep.tokenizer import TokenizerSpec
from schemas.manifest import ShardReceipt


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
    deliver = functools.partial(exchange.deliver, windows=shards.windows) if exchanged else None
    tasks = shards.tasks()
    return run_tasks(spark, tasks, work, out=out, stage=shards.stage, progress=progress, deliver=deliver)


def write_shard(payload: tuple[int, int, int], scratch: Scratch, *, shards: SplitShards) -> Receipt:
    """Read the windows of samples [low, high) and write them as shard `number`; see `write_matrix`."""
    number, low, high = payload
    windows = shards.windows
    if windows.key is None:
        return write_matrix((number, windows.block(low, high)), scratch, shards=shards)
    picked = windows.gather(windows.at(np.arange(low, high, dtype=np.int64)))
    return write_matrix((number, picked), scratch, shards=shards)


def write_matrix(payload: tuple[int, npt.NDArray[Any]], scratch: Scratch, *, shards: SplitShards) -> Receipt:
    """Write one shard from its samples, shape (samples, seq_len).

    The receipt has: tokens, entry (for the index), shard (for the manifest).
    """
    number, matrix = payload
    shard = encode_matrix(shards.layout, number, {"tokens": matrix})
    name = f"{shards.folder}/{shard.basename}" if shards.folder else shard.basename
    scratch.publish_bytes(shard.data, name)
    about = ShardReceipt(name=shard.basename, samples=len(matrix), bytes=len(shard.data), digest=shard.digest)
    return {"tokens": matrix.size, "entry": shard.entry, "shard": about.model_dump()}
