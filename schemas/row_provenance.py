"""Defines where an image dataset says which rows a sample was made of: a Parquet sidecar, one part per task.

A takedown request names a URL, an odd gradient names a sample, a picture that the trainer refuses has to be named by
its uid: all lead here. A part has a row for each item, in the order of the windows: `sample` counts within the task's
shards, `start` is the item's first position in that window, `images` how many it has.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.manifest import Manifest

FOLDER = "provenance"
SHARDS_PER_TASK = 1000


def part_file(task: int) -> str:
    """Name of the part of task number `task`, below the dataset's root."""
    return f"{FOLDER}/{task:05}.parquet"


def task_of(shard: str) -> int:
    """Number of the task that wrote the shard file named `shard` (`shard.02001.mds`: 2)."""
    return int(shard.split(".")[1]) // SHARDS_PER_TASK


def place_of(manifest: Manifest, sample: int) -> tuple[int, int]:
    """The task that wrote `sample`, and the sample's number among those of this task."""
    of_task: dict[int, int] = {}
    left = sample
    for shard in manifest.shards:
        task = task_of(shard.name)
        if left < shard.samples:
            return task, of_task.get(task, 0) + left
        left -= shard.samples
        of_task[task] = of_task.get(task, 0) + shard.samples
    raise IndexError(f"no sample {sample}")


def uids(rows: Iterable[Mapping[str, Any]]) -> list[str | None]:
    """The uid of each picture of a sample made of `rows` (of conversations: the id); None where a row has none."""
    return [row.get("uid", row.get("id")) for row in rows for _ in range(row["images"])]


def remove_command(dataset: str, uid: str) -> str:
    """The command that takes a row out of a dataset."""
    return f"python -m dataprep remove {shlex.quote(dataset)} --uid {shlex.quote(uid)}"
