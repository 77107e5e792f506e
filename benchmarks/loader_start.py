"""Measures time to the first batch, and memory, at up to 2 x 10^9 samples, at the first and at the last step.

The index has that size; shard files are there where they are read (links to one of 64 MiB). Stock is measured at two
sizes and extrapolated along the line through them. Every measurement is a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import xxhash

from benchmarks.loader_sides import WINDOWS, Decoding, in_a_process, leave, medians, stock_batches, table
from benchmarks.windows import ALL
from schemas.manifest import ShardReceipt
from schemas.phases import Source
from schemas.schedule import Schedule
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset

SHARD_SAMPLES = 16_384
"""Samples of a shard of 64 MiB."""
BATCH = 256
READ_AHEAD = 65 * BATCH
"""Samples that a loader asks for before its first batch."""


def start(work: Path, small: bool) -> list[str]:
    """Measures both loaders and returns the table."""
    shard = WINDOWS.write(work / "shard", SHARD_SAMPLES, shard_bytes=1 << 30, seed=2)
    stored = Path(shard.path) / "shard.00000.mds"
    sizes = [200_000, 2_000_000] if small else [2_000_000, 20_000_000]
    large, runs = 20_000_000 if small else 2_000_000_000, 1 if small else 3
    found: dict[tuple[str, str], dict[str, float]] = {}
    for samples in (*sizes, large):
        source = of_size(work / f"at-{samples}", samples, stored)
        schedule = WINDOWS.schedule([source], [(source.samples, [ALL])], BATCH)
        schedule.save(work / f"at-{samples}.json")
        for step, position in (("first", 0), ("last", source.samples // BATCH * BATCH - BATCH)):
            link_what_is_read(schedule, position, stored)
            ours = ("_ours", str(work / f"at-{samples}.json"), str(position), str(work / "cache"))
            found["ours", f"{samples:,} {step} step"] = measured(ours, runs)
        if samples != large:
            for number in range(source.samples // SHARD_SAMPLES):
                link(Path(source.path), number, stored)
            found["stock", f"{samples:,} first step"] = measured(("_stock", source.path), runs)
    few, many = (found["stock", f"{samples:,} first step"] for samples in sizes)
    grown = (large - sizes[1]) / (sizes[1] - sizes[0])
    line = {key: many[key] + (many[key] - few[key]) * grown for key in many}
    found["stock, extrapolated", f"{large:,} first step"] = line
    lines: list[str] = []
    table(lines, "loader", "samples", "first batch, s", "CPU, s", "memory of the rank, MiB", "shared memory, MiB")
    table(lines, *["---"] * 6)
    for (side, what), one in found.items():
        numbers = f"{one['seconds']:.2f}", f"{one['cpu']:.2f}", f"{one['rss']:,.0f}", f"{one['shm']:,.1f}"
        table(lines, side, what, *numbers)
    lines += ["", compared(found["ours", f"{large:,} last step"], line, large)]
    print(lines[-1], flush=True)
    return lines


def compared(ours: dict[str, float], stock: dict[str, float], samples: int) -> str:
    """Returns the two ratios of the aim."""
    mine, theirs = (one["rss"] + one["shm"] for one in (ours, stock))
    faster, less = stock["seconds"] / ours["seconds"], stock["cpu"] / ours["cpu"]
    return (
        f"At {samples:,} samples: {faster:.0f} times faster start ({less:.0f} in CPU seconds), "
        f"1/{theirs / mine:.0f} of the memory (stock extrapolated)."
    )


def of_size(folder: Path, samples: int, stored: Path) -> Source:
    """Writes index and manifest of a dataset of about `samples` samples; the shard files are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = json.loads((stored.parent / "index.json").read_text())["shards"][0]
    digest = xxhash.xxh3_64_hexdigest(stored.read_bytes())
    size, entries, receipts = stored.stat().st_size, [], []
    for number in range(-(-samples // SHARD_SAMPLES)):
        name = f"shard.{number:06}.mds"
        entries.append({**entry, "raw_data": {"basename": name, "bytes": size, "hashes": {}}})
        receipts.append(ShardReceipt(name=name, samples=SHARD_SAMPLES, bytes=size, digest=digest))
    (folder / "index.json").write_text(json.dumps({"version": 2, "shards": entries}))
    return WINDOWS.publish(folder, receipts)


def link_what_is_read(schedule: Schedule, position: int, stored: Path) -> None:
    """Shards of the first steps from `position` on."""
    _, ids = schedule.samples(position, min(position + READ_AHEAD, schedule.total_samples))
    for number in np.unique(ids // SHARD_SAMPLES).tolist():
        link(Path(schedule.sources[0].path), number, stored)


def link(folder: Path, number: int, stored: Path) -> None:
    """Gives the one shard another name."""
    target = folder / f"shard.{number:06}.mds"
    if not target.exists():
        os.link(stored, target)


def measured(command: tuple[str, ...], runs: int) -> dict[str, float]:
    """Returns the medians over fresh processes."""
    found = [in_a_process(*command) for _ in range(runs)]
    print(command[:3], found, file=sys.stderr, flush=True)
    return medians(found)


def ours_starts(path: str, position: str, cache: str) -> NoReturn:
    """Starts our loader in this process and reports."""

    def make() -> tuple[Any, Iterator[Any]]:
        dataset = ScheduleDataset(Schedule.load(path), BATCH, cache=cache, start=int(position))
        return dataset, iter(ScheduleLoader(dataset, 0))

    _first_batch(make)


def stock_starts(path: str) -> NoReturn:
    """Starts the stock loader in this process and reports."""
    _first_batch(lambda: stock_batches(Decoding, BATCH, 0, local=path))


def _first_batch(make: Callable[[], tuple[Any, Iterator[Any]]]) -> NoReturn:
    """Prints seconds to the first batch and the memory that it took: peak of the process, and shared segments."""
    before, shm = _peak_mib(), _shared_mib()
    begun, cpu = time.perf_counter(), time.process_time()
    _dataset, batches = make()
    next(batches)
    seconds = time.perf_counter() - begun
    found = {"seconds": seconds, "cpu": time.process_time() - cpu, "rss": _peak_mib() - before}
    leave({**found, "shm": max(0.0, _shared_mib() - shm)})


def _peak_mib() -> float:
    """Peak resident memory of this process."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024


def _shared_mib() -> float:
    return sum(f.stat().st_blocks * 512 for f in Path("/dev/shm").iterdir() if f.is_file()) / 2**20
