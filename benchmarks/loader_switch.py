"""Measures the longest step at a switch of sources from a throttled remote: with look-ahead, without, and stock.

Stock is a dataset that is made at the switch, as a run with one dataset for each phase makes it. The remote is an S3
server on loopback that sends so many bytes a second; a step is a pause of `STEP` seconds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.loader_sides import ROOT, WINDOWS, Decoding, in_a_process, leave, stock_batches, table
from benchmarks.windows import ALL
from schemas.schedule import Schedule
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset

STEP = 0.05
"""Seconds that the work of a step takes."""
BATCH = 8
SHARD_BYTES, BYTES_A_SECOND = 1 << 19, 1 << 22
RUNS = 3
SIDES = {"ours, 64 steps ahead": "64", "ours, 1 step ahead": "1", "stock, made at the switch": "0"}


def switch(work: Path, small: bool) -> list[str]:
    """Measures the three cases and returns the table."""
    sources = [
        WINDOWS.write(work / "served/bucket" / name, 1200, shard_bytes=SHARD_BYTES, seed=seed)
        for seed, name in enumerate("ab")
    ]
    remote = [source.model_copy(update={"path": f"s3://bucket/{source.name}"}) for source in sources]
    steps = 100 if small else 140
    WINDOWS.schedule(remote, [(steps * BATCH, [ALL, 0]), (40 * BATCH, [0, ALL])], BATCH).save(work / "switch.json")
    lines: list[str] = []
    table(lines, "loader", "median step, ms", "longest at the switch, ms", "ratio")
    table(lines, *["---"] * 4)
    for name, ahead in SIDES.items():
        found = []
        for _ in range(RUNS):
            with _served(work / "served") as env:
                cache = tempfile.mkdtemp(dir=work)
                taken = in_a_process("_switch", str(work / "switch.json"), ahead, cache, env=env)
            median, longest = statistics.median(taken[steps // 2 : steps - 5]), max(taken[steps - 5 : steps + 20])
            found.append((longest / median, median, longest))
        ratio, median, longest = sorted(found)[RUNS // 2]
        table(lines, name, f"{median * 1000:.0f}", f"{longest * 1000:.0f}", f"{ratio:.2f}")
    return lines


@contextmanager
def _served(root: Path) -> Iterator[dict[str, str]]:
    """Serves `root` by a throttled S3 server and gives the environment in which clients find it."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.object_server", str(root), str(BYTES_A_SECOND)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield {
            **os.environ,
            "S3_ENDPOINT_URL": server.stdout.readline().strip(),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        server.terminate()
        server.wait()


def steps_taken(path: str, ahead: str, cache: str) -> NoReturn:
    """Prints the seconds of every step in this process: the wait for the batch and `STEP` seconds of work."""
    taken, then = [], time.perf_counter()
    for _ in _batches(Schedule.load(path), int(ahead), cache):
        time.sleep(STEP)
        now = time.perf_counter()
        taken.append(now - then)
        then = now
    leave(taken)


def _batches(schedule: Schedule, ahead: int, cache: str) -> Iterator[Any]:
    if ahead:
        yield from ScheduleLoader(ScheduleDataset(schedule, BATCH, cache=cache, ahead=ahead), 1)
        return
    for phase, source in zip(schedule.phases, schedule.sources, strict=True):
        _dataset, batches = stock_batches(Decoding, BATCH, 1, remote=source.path, local=f"{cache}/{source.name}")
        for _ in range((phase.stop - phase.start) // BATCH):
            yield next(batches)
