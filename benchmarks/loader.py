"""Compares the loader with the stock `StreamingDataset` on the same shards, in one run.

    python benchmarks/loader.py [rate] [start] [switch] [decode] [--work DIR] [--small] [--simplejpeg DIR]

    rate    rows a second with 0 and 2 workers: text windows of 2,048 ids, and image windows; both sides decode and
            collate with the same functions, so that what differs is how rows are found and shards are kept
    start   time to the first batch and memory, at 20 M and 2 x 10^9 samples: an index of that size, shard files present
            where they are read. Stock is measured at 2 M and 20 M and extrapolated along the line through the two
    switch  longest step at a switch of sources when the remote is throttled: with look-ahead, without, and with a stock
            dataset that is made at the switch
    decode  libraries that decode and resize an image

Measurements of `start` and `switch` are taken in processes of their own. Each part is a file, `loader_PART.py`.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
import torch

from benchmarks import loader_decode, loader_rate, loader_start, loader_switch

PARTS = ("rate", "start", "switch", "decode")
HIDDEN = {
    "_ours": loader_start.ours_starts,
    "_stock": loader_start.stock_starts,
    "_switch": loader_switch.steps_taken,
}
"""Hidden parts: functions that a part runs in a process of its own."""


def main() -> None:
    """Measures the parts that are named, or one hidden part in this process."""
    torch.set_num_threads(1)  # as in a loader worker
    if len(sys.argv) > 1 and sys.argv[1] in HIDDEN:
        HIDDEN[sys.argv[1]](*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--work", type=Path, help="directory for datasets; default: a temporary one")
    parser.add_argument("--small", action="store_true", help="sizes to try the script with")
    parser.add_argument("--simplejpeg", metavar="DIR", help="where simplejpeg is installed, to compare")
    options = parser.parse_args()
    if unknown := set(options.part) - set(PARTS):
        parser.error(f"unknown part {min(unknown)}; there are {', '.join(PARTS)}")
    work = Path(tempfile.mkdtemp(dir=options.work))
    packages = ", ".join(f"{name} {version(name)}" for name in ("mosaicml-streaming", "torch", "pillow", "torchvision"))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB; {packages}; load {os.getloadavg()[0]:.1f} at the start"
    )
    try:
        for part in options.part or PARTS:
            print(f"\n## {part}\n", flush=True)
            if part == "decode":
                loader_decode.decode(options.simplejpeg)
            else:
                {"rate": loader_rate.rate, "start": loader_start.start, "switch": loader_switch.switch}[part](
                    work, options.small
                )
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
