"""`diff`: finds the first position where two runs differ, and what changes after it."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.text_table import amount, table
from curriculum.commands.arguments import add_schedule, read_schedule
from curriculum.views.tables import mix, phase_table
from schemas.schedule import Schedule
from schemas.schedule_diff import compare

HELP = "find the first position where two schedules part, and show what changes after"
EXAMPLE = """\
Exit status: 0 the same run; 1 they part.

example:
  python -m curriculum diff running.json edited.yaml
  python -m curriculum diff a.json b.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_schedule(parser, "a")
    add_schedule(parser, "b")


def run(args: argparse.Namespace) -> int:
    """Compares two schedules and prints the result."""
    a, b = read_schedule(args.a), read_schedule(args.b)
    parting = compare(a, b)
    if parting.written is None:
        print(f"the same run: {a.hash}")
        if others := _beside_the_run(a, b):
            print(f"they differ in what does not change it: {', '.join(others)}")
        return 0
    print(f"equal before {_where(a, parting.written)}: {a.prefix_hash(parting.written)}")
    searched = f"none before {_where(a, parting.compared)}"
    print(f"first other sample: {_where(a, parting.sample) if parting.sample is not None else searched}")
    print(f"first other learning rate: {_where(a, parting.rate) if parting.rate is not None else searched}")
    for path, schedule in ((args.a, a), (args.b, b)):
        print(f"\n{path} from there: {_ahead(schedule, parting.written, path)}\n{phase_table(schedule)}")
    print(f"\n{_totals(a, b)}")
    return 1


def _beside_the_run(a: Schedule, b: Schedule) -> list[str]:
    """Lists what two schedules of the same run say differently."""
    batches = [a.global_batch, b.global_batch]
    found = [f"global batch ({batches[0]:,} and {batches[1]:,})"] if batches[0] != batches[1] else []
    for key, what in (("evaluate_at", "points of evaluation"), ("checkpoint_at", "points of checkpoints")):
        points = [[point for phase in run.phases for point in getattr(phase, key)] for run in (a, b)]
        found += [what] if points[0] != points[1] else []
    places = [[(source.name, source.path) for source in run.sources] for run in (a, b)]
    return found + (["paths of sources"] if places[0] != places[1] else [])


def _where(schedule: Schedule, position: int) -> str:
    step = position // schedule.global_batch
    return f"sample {position:,} (token {amount(schedule.tokens(position))}, step {step:,})"


def _ahead(schedule: Schedule, position: int, path: Path) -> str:
    if position >= schedule.total_samples:
        return "the run is at its end"
    phase = schedule.phase(position)
    return f"'{phase.name}', {mix(schedule, phase)}, learning rate {schedule.lr(position):.6g}"


def _totals(a: Schedule, b: Schedule) -> str:
    ends = a.counts(a.total_samples), b.counts(b.total_samples)
    rows = [("samples in all", "a", "b", "change")]
    for name in dict.fromkeys([*ends[0], *ends[1]]):
        before, after = ends[0].get(name, 0), ends[1].get(name, 0)
        rows.append((name, f"{before:,}", f"{after:,}", f"{after - before:+,}"))
    rows.append(("total", f"{a.total_samples:,}", f"{b.total_samples:,}", f"{b.total_samples - a.total_samples:+,}"))
    return table(rows, right=(1, 2, 3))
