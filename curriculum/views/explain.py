"""Lists source, pass, sample and shard of every position of a step, for the whole batch or for one rank."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from schemas.manifest import Manifest
from schemas.phases import Source
from schemas.schedule import Schedule


@dataclass(frozen=True)
class Place:
    """One sample of the run and where it lies on disk."""

    position: int
    source: Source
    turn: int
    """Pass over the source, from 0."""
    sample: int
    """Sample id within the source."""
    shard: int
    """Number of its shard in the dataset's order."""
    in_shard: int
    """Its place in the shard."""


def rank_slice(start: int, stop: int, rank: int, world: int) -> tuple[int, int]:
    """Positions of a step [start, stop) that one of `world` ranks trains on: equal, contiguous parts, in rank order."""
    rows = stop - start
    return start + rows * rank // world, start + rows * (rank + 1) // world


def step_range(schedule: Schedule, step: int, batch: int) -> tuple[int, int]:
    """Positions of a step.

    Raises:
        InputError: the run has no such step.
    """
    steps = -(-schedule.total_samples // batch)
    if not 0 <= step < steps:
        raise InputError(f"no step {step:,}", remedy=f"the run has steps 0 to {steps - 1:,} of {batch:,} samples")
    return step * batch, min((step + 1) * batch, schedule.total_samples)


def places(schedule: Schedule, start: int, stop: int) -> list[Place]:
    """The samples of positions [start, stop)."""
    ids, samples = schedule.samples(start, stop)
    before = schedule.counts(start)
    drawn = [before[source.name] for source in schedule.sources]
    ends = [np.cumsum(np.repeat(*np.array(source.shards, np.int64).T)) for source in schedule.sources]
    found = []
    for offset, (number, sample) in enumerate(zip(ids.tolist(), samples.tolist(), strict=True)):
        source = schedule.sources[number]
        shard = int(np.searchsorted(ends[number], sample, "right"))
        first = int(ends[number][shard - 1]) if shard else 0
        turn = drawn[number] // source.samples
        drawn[number] += 1
        found.append(Place(start + offset, source, turn, sample, shard, sample - first))
    return found


def shard_names(source: Source) -> list[str] | None:
    """Names of the source's shards, if its manifest can be read here and is still the one that was compiled."""
    try:
        manifest = Manifest.load(source.path)
    except InputError:
        return None
    return [shard.name for shard in manifest.shards] if manifest.content == source.content else None


def why_commands(shown: Sequence[Place]) -> list[str]:
    """The commands that tell the documents or URLs behind samples, one for each dataset."""
    behind: dict[str, list[str]] = {}
    for place in shown:
        samples = behind.setdefault(place.source.path, [])
        if str(place.sample) not in samples:
            samples.append(str(place.sample))
    return [shlex.join(["python", "-m", "dataprep", "why", path, *samples]) for path, samples in behind.items()]
