"""`check`: tells whether the data lasts, and what the shares come to in samples and tokens."""

from __future__ import annotations

import argparse

from common.errors import InputError
from common.text_table import amount, number, percent, table
from curriculum.commands.arguments import add_curriculum, positive, read_document, whole
from curriculum.compiler.compile_curriculum import Compiled, compile_curriculum
from curriculum.views.supply import UNITS, cost, realised, uses
from curriculum.views.tables import phase_table

HELP = "check the supply before launch: passes, where sources run out, realised shares, hours and cost"
EXAMPLE = """\
Exit status: 0 the data lasts; 1 a source with policy 'stop' or 'reweight' runs out on the way; 2 refused.

example:
  python -m curriculum check curriculum.yaml
  python -m curriculum check curriculum.yaml --tokens-per-second 57000 --gpus 64 --price 2.50
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_curriculum(parser)
    parser.add_argument("--tokens-per-second", type=positive, metavar="N", help="throughput of one GPU, as measured")
    parser.add_argument("--gpus", type=whole, default=1, help="GPUs of the run, for wall-clock hours; default 1")
    parser.add_argument("--price", type=positive, help="of one GPU-hour")


def run(args: argparse.Namespace) -> int:
    """Compile in memory and print what it comes to."""
    if args.price is not None and args.tokens_per_second is None:
        raise InputError("--price needs a throughput", remedy="give --tokens-per-second, of one GPU")
    compiled = compile_curriculum(read_document(args))
    schedule = compiled.schedule
    print(phase_table(schedule), "", _supply(compiled), "", _shares(compiled), sep="\n")
    if args.tokens_per_second:
        spent = cost(schedule.tokens(schedule.total_samples), args.tokens_per_second, args.gpus, args.price)
        money = "" if spent.price is None else f", {number(spent.price)} at {args.price:g} a GPU-hour"
        gpus = "1 GPU" if args.gpus == 1 else f"{args.gpus:,} GPUs"
        print(f"\n{number(spent.gpu_hours)} GPU-hours, {number(spent.hours)} hours on {gpus}{money}")
    for note in compiled.notes:
        print(note)
    print("a source runs out on the way" if compiled.drained else "the data lasts")
    return 1 if compiled.drained else 0


def _supply(compiled: Compiled) -> str:
    schedule = compiled.schedule
    rows = [("source", "drawn samples", "of", "passes", "allowed", "passes end at token")]
    for use in uses(schedule):
        spec = compiled.curriculum.sources[use.source.name]
        allowed = {"repeat": str(spec.max_passes or "any number")}.get(spec.exhausted, f"1 ({spec.exhausted})")
        ends = ", ".join(amount(schedule.tokens(end)) for end in use.pass_ends) or "-"
        if more := use.drawn // use.source.samples - len(use.pass_ends):
            ends += f", {more:,} more"
        rows.append((use.source.name, f"{use.drawn:,}", f"{use.source.samples:,}", f"{use.passes:.4g}", allowed, ends))
    return table(rows, right=(1, 2, 3))


def _shares(compiled: Compiled) -> str:
    """A row for each phase and source: as many sources as there are, the table stays as wide."""
    schedule = compiled.schedule
    stretches = [(phase.name, phase.start, phase.stop) for phase in schedule.phases]
    shares = [
        (name, realised(schedule, start, stop))
        for name, start, stop in [*stretches, ("whole run", 0, schedule.total_samples)]
    ]
    units = [unit for unit in UNITS if any(unit in by_unit for _, by_unit in shares)]
    rows = [("realised shares of", "source", *units)]
    for name, by_unit in shares:
        for source in schedule.sources:
            if by_unit["samples"][source.name]:
                cells = (percent(by_unit[unit][source.name]) if unit in by_unit else "-" for unit in units)
                rows.append((name, source.name, *cells))
                name = ""
    return table(rows, right=tuple(range(2, 2 + len(units))))
