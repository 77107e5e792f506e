"""`audit`: proves what a run saw, from what it left."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from common.errors import InputError
from schemas import run_log
from schemas.schedule import Schedule
from train.audit.run_audit import Finding, of_checkpoint, of_log

HELP = "prove what a run saw: every sample, against its schedule"
EXAMPLE = """\
A checkpoint is proven as a whole, a log step by step. The samples that the schedule calls for are worked out anew from
the first one on (about 10 million a second) and compared with the digest of those that the run has read.

Exit status: 0 the run saw what its schedule says; 1 it did not, and the first difference is printed.

examples:
  python -m train audit out                          the run's newest checkpoint, then its log
  python -m train audit out/checkpoints/000000000004096
  python -m train audit out/metrics.jsonl --schedule schedule.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "what", type=Path, metavar="CHECKPOINT|LOG", help="a checkpoint, a metrics.jsonl, or a run's out"
    )
    parser.add_argument("--schedule", type=Path, help="compiled schedule; default: the one that the checkpoint carries")


def run(options: argparse.Namespace) -> int:
    """Audit and print; returns the exit status."""
    from train.callbacks.metrics_log import METRICS_NAME
    from train.checkpoint import (
        state,
    )

    log = options.what if options.what.suffix == ".jsonl" else options.what / METRICS_NAME
    carried = _checkpoint(options.what.parent if options.what.is_file() else options.what, required=not log.is_file())
    schedule = Schedule.load(options.schedule) if options.schedule else None
    if schedule is None and carried is not None:
        schedule = state.schedule_of(carried)
    if schedule is None:
        raise InputError("carries no schedule", file=options.what, remedy="name it: --schedule schedule.json")
    status = 0
    if carried is not None and options.what.suffix != ".jsonl":
        status |= _audit_checkpoint(carried, schedule)
    if log.is_file():
        status |= _audit_log(log, schedule)
    return status


def _checkpoint(path: Path, *, required: bool) -> Path | None:
    from train.checkpoint import folder

    try:
        return folder.find(path)
    except InputError:
        if required:
            raise
        return None


def _audit_checkpoint(path: Path, schedule: Schedule) -> int:
    from train.checkpoint import digests, state

    digests.check(path)
    saved = state.read(path)
    progress = _progress(saved.position)
    return _report(
        path, schedule, of_checkpoint(schedule, saved.position, saved.past, saved.samples, saved.drawn, progress)
    )


def _audit_log(path: Path, schedule: Schedule) -> int:
    return _report(path, schedule, of_log(schedule, run_log.steps(path)))


def _report(path: Path, schedule: Schedule, finding: Finding) -> int:
    steps = f"{finding.steps:,} steps, " if finding.steps else ""
    print(f"{path}: {steps}{finding.position:,} samples, {schedule.tokens(finding.position):,} tokens")
    width = max(len(source.name) for source in schedule.sources)
    for source in schedule.sources:
        count = finding.samples.get(source.name, 0)
        share = count / max(1, finding.position)
        tokens = schedule.tokens(count)
        passes = count / source.samples
        print(
            f"  {source.name:<{width}}  {count:>15,} samples  {tokens:>19,} tokens  {share:7.3%}  {passes:8.3f} passes"
        )
    if finding.fault is not None:
        print(f"NOT what the schedule says: {finding.fault}")
        return 1
    if finding.digest is None:
        print("as the schedule says, in counts; the run kept no digest of which samples they were from its start on")
    else:
        print(f"proven: every sample is the schedule's, in its place (digest {finding.digest})")
    return 0


def _progress(total: int) -> Callable[[int], None]:
    """Prints how far the audit has come, once it has taken a few seconds."""
    shown = time.monotonic()

    def tell(position: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            print(f"  {position / total:.0%} of {total:,} samples", file=sys.stderr)

    return tell
