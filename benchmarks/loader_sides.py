"""Provides the parts of `benchmarks/loader.py` with windows, the stock dataset, and processes of their own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil
from streaming import StreamingDataset
from torch.utils.data import DataLoader

from benchmarks.windows import Windows, tokenizer_of
from schemas.manifest import ImageGeometry
from train.loader.rows.collate import collate
from train.loader.rows.decode import decode_row

ROOT = Path(__file__).resolve().parents[1]
WINDOWS = Windows(2048, tokenizer_of(50_277), ImageGeometry(size=224, patch=16, tokens=196))


class Decoding(StreamingDataset):
    """Reads with the stock order, download and cache, and decodes rows as ours are decoded."""

    def __getitem__(self, at: Any) -> Any:
        return decode_row(super().__getitem__(at), 0, WINDOWS.seq_len, WINDOWS.tokenizer, WINDOWS.geometry)


def stock_batches(
    kind: type, batch: int, workers: int, gather: Callable[..., Any] = collate, **where: Any
) -> tuple[Any, Iterator[Any]]:
    """A stock dataset (`Decoding` or its base) and its batches; hold on to the dataset."""
    dataset = kind(batch_size=batch, shuffle=True, num_canonical_nodes=1, **where)
    return dataset, iter(DataLoader(dataset, batch, collate_fn=gather, num_workers=workers))


def in_a_process(part: str, *arguments: str, env: dict[str, str] | None = None) -> Any:
    """Run a hidden part of `benchmarks/loader.py` in a process of its own; returns what it prints last, as JSON."""
    command = [sys.executable, str(ROOT / "benchmarks/loader.py"), part, *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{part} failed: {done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def leave(found: Any) -> NoReturn:
    """Prints the result of a process of its own and ends it at once, with its loader workers.

    Left to itself, a worker of a stock dataset that is not read to its end waits for its look-ahead threads for ever.
    """
    print(json.dumps(found), flush=True)
    for worker in psutil.Process().children(recursive=True):
        worker.kill()
    os._exit(0)


def medians(found: list[dict[str, float]]) -> dict[str, float]:
    """Returns the median of each key over several runs."""
    return {key: statistics.median(one[key] for one in found) for key in found[0]}


def table(lines: list[str], *cells: object) -> None:
    """Add a row to a Markdown table, and show it."""
    lines.append(f"| {' | '.join(map(str, cells))} |")
    print(lines[-1], flush=True)
