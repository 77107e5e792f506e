"""Are the datasets on disk the ones that the schedule was compiled for? Asked once, before anything is read."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.errors import InputError
from schemas.manifest import Manifest
from schemas.schedule import Schedule


def check_sources(schedule: Schedule) -> None:
    """Compare every local source's manifest with what the schedule says of it.

    Raises:
        InputError: a source is missing or unfinished, or does not hold what was compiled.
    """
    for source in schedule.sources:
        if "://" in source.path:
            continue
        manifest = Manifest.load(source.path)
        if (manifest.content, manifest.samples, manifest.seq_len) != (source.content, source.samples, schedule.seq_len):
            raise InputError(
                f"source '{source.name}' is not the dataset that the schedule was compiled for",
                file=source.path,
                remedy="compile the schedule again, or point `path` at the dataset that it was compiled for",
            )


def is_compressed(path: str) -> bool:
    """Whether the local dataset at `path` holds compressed shards."""
    index = json.loads((Path(path) / "index.json").read_bytes())
    return any(shard.get("compression") for shard in index["shards"])
