"""Second stage: one task per shard gathers its windows from the token files and writes the shard.

A shard's bytes depend on the plan and the token counts alone. Where the token files are on a file system, a task maps
them and copies its rows; nothing is moved between executors.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dataprep.mds.shard import Layout, encode_matrix
from dataprep.tasks import Receipt, Scratch, Task
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


def write_shard(payload: tuple[int, int, int], scratch: Scratch, *, shards: SplitShards) -> Receipt:
    """Write one shard. The receipt has: tokens, entry (for the index), shard (for the manifest)."""
    number, low, high = payload
    windows = shards.windows.at(np.arange(low, high, dtype=np.int64))
    matrix = shards.windows.gather(windows)
    shard = encode_matrix(shards.layout, number, {"tokens": matrix})
    name = f"{shards.folder}/{shard.basename}" if shards.folder else shard.basename
    scratch.publish_bytes(shard.data, name)
    about = ShardReceipt(name=shard.basename, samples=high - low, bytes=len(shard.data), digest=shard.digest)
    return {"tokens": matrix.size, "entry": shard.entry, "shard": about.model_dump()}
