"""Measures rows a second, with 0 and 2 workers, of text windows and of image windows.

Both sides decode and collate with the same functions, so that what differs is how rows are found and shards are kept.
A third column shows the stock loader at its least: it stacks ids, and makes no labels.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from streaming import StreamingDataset

from benchmarks.loader_sides import WINDOWS, Decoding, stock_batches, table
from benchmarks.windows import ALL
from schemas.schedule import Schedule
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset
from train.loader.rows.collate import collate

RUNS = 3


def rate(work: Path, small: bool) -> list[str]:
    """Measures both loaders and returns the table."""
    lines: list[str] = []
    table(lines, "windows", "workers", "ours, rows/s", "stock, same decoding", "ours / stock", "stock, ids alone")
    table(lines, *["---"] * 6)
    for kind, samples, batch in (("text", 1_500 if small else 6_000, 32), ("images", 60 if small else 200, 8)):
        source = WINDOWS.write(work / kind, samples, images=kind == "images", shard_bytes=1 << 24, seed=1)
        schedule = WINDOWS.schedule([source], [(samples, [ALL])], batch)
        for workers in (0, 2):
            sides: dict[str, Callable[[], float]] = {
                "ours": lambda w=workers, b=batch, s=schedule: ours(s, b, w, work),  # type: ignore[misc]
                "stock": lambda w=workers, b=batch, p=source.path: stock(Decoding, p, b, w, collate),  # type: ignore[misc]
                "alone": lambda w=workers, b=batch, p=source.path: stock(StreamingDataset, p, b, w, ids_alone),  # type: ignore[misc]
            }
            found: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(RUNS):  # in turns, so that a noisy neighbour hits all alike
                for name, side in sides.items():
                    found[name].append(side())
            ratio = statistics.median(a / b for a, b in zip(found["ours"], found["stock"], strict=True))
            mine, theirs, least = (f"{statistics.median(found[name]):,.0f}" for name in sides)
            table(lines, kind, workers, mine, theirs, f"{ratio:.2f}", least)
    return lines


def ours(schedule: Schedule, batch: int, workers: int, work: Path) -> float:
    """Rows a second of one reading."""
    dataset = ScheduleDataset(schedule, batch, cache=str(work / "cache"))
    try:
        return timed(iter(ScheduleLoader(dataset, workers)), batch)
    finally:
        dataset.close()


def stock(kind: type, path: str, batch: int, workers: int, gather: Callable[..., Any]) -> float:
    """Rows a second of one reading."""
    dataset, batches = stock_batches(kind, batch, workers, gather, local=path)
    found = timed(batches, batch)
    del dataset
    return found


def ids_alone(rows: list[Any]) -> Any:
    """Collates stock rows with the least work that a text loader can do."""
    return np.stack([row["tokens"] for row in rows]).astype(np.int64)


def timed(batches: Iterator[Any], batch: int) -> float:
    """Measures rows a second after the first batch: start-up is measured elsewhere."""
    next(batches)
    begun, count = time.perf_counter(), 0
    for _ in batches:
        count += batch
    return count / (time.perf_counter() - begun)
