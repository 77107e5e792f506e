"""`report`: draws one run, finished or going on."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from common.errors import InputError

HELP = "draw a run: mix, loss, rate, passes, speed, faults, checkpoints, scores, samples of what was read"
EXAMPLE = """\
Reads RUN/metrics.jsonl, held_out.jsonl, faults.jsonl, checkpoints and RUN/scores, as far as they are there; writes one
self-contained HTML page. With --watch it goes on until the run ends, and a browser that shows the page follows it.

examples:
  python -m train report runs/curriculum                          # runs/curriculum/report.html
  python -m train report runs/curriculum --watch
  python -m train report out --peak 7912 --schedule schedule.json # MFU of 8 GPUs of 989 TFLOP/s
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run's output directory")
    parser.add_argument("-o", "--output", type=Path, help="default: RUN/report.html")
    add_options(parser)


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add what only a run's page takes."""
    parser.add_argument("--watch", action="store_true", help="write the page again and again until the run ends")
    parser.add_argument("--every", type=int, default=10, metavar="S", help="seconds between two pages (default: 10)")
    parser.add_argument("--peak", type=float, metavar="TFLOPS", help="of all devices together, for MFU")
    parser.add_argument("--schedule", type=Path, help="default: the newest checkpoint's, or one beside the run")
    parser.add_argument("--tokenizer", type=Path, help="for the samples' text; default: the one that the run names")


def run(options: argparse.Namespace) -> int:
    """Write the page, once or until the run ends."""
    for name in ("every", "peak"):
        value = getattr(options, name)
        if value is not None and value <= 0:
            raise InputError("must be above 0", field=f"--{name}")
    out = options.output or options.run_folder / "report.html"
    while not _write(options, out) and options.watch:
        time.sleep(options.every)
    print(f"wrote {out}")
    return 0


def _write(options: argparse.Namespace, out: Path) -> bool:
    """Write the page; returns whether the run is over."""
    from common import atomic_files
    from train.report import page, record

    found = record.read(options.run_folder, options.schedule)
    peak = None if options.peak is None else options.peak * 1e12
    tokenizer = options.tokenizer or found.tokenizer
    html = page.render(found, peak=peak, tokenizer=tokenizer, refresh=options.every if options.watch else None)
    atomic_files.write_text(out, html)
    return found.finished
