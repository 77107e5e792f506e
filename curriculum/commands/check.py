"""`check`: will the data last, and what do the shares come to?"""

from __future__ import annotations

import argparse

from curriculum.commands.arguments import add_curriculum, positive, read_document
from curriculum.compiler import Compiled, compile_curriculum
from curriculum.report import amount, percent, phase_table, table
from curriculum.supply import cost, realised, uses

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
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of the run, for wall-clock hours; default 1")
    parser.add_argument("--price", type=positive, help="of one GPU-hour")


def run(args: argparse.Namespace) -> int:
    """Compile in memory and print what it comes to."""
    compiled = compile_curriculum(read_document(args))
    schedule = compiled.schedule
    print(phase_table(schedule), "", _supply(compiled), "", _shares(compiled), sep="\n")
    if args.tokens_per_second:
        spent = cost(schedule.tokens(schedule.total_samples), args.tokens_per_second, max(args.gpus, 1), args.price)
        money = "" if spent.price is None else f", {spent.price:,.0f} at {args.price:g} a GPU-hour"
        print(f"\n{spent.gpu_hours:,.4g} GPU-hours, {spent.hours:,.4g} hours on {max(args.gpus, 1)} GPUs{money}")
    for note in compiled.notes:
        print(note)
    ran_out = any("runs out" in note for note in compiled.notes)
    print("a source runs out on the way" if ran_out else "the data lasts")
    return 1 if ran_out else 0


def _supply(compiled: Compiled) -> str:
    schedule = compiled.schedule
    rows = [("source", "drawn samples", "of", "passes", "allowed", "passes end at token")]
    for use in uses(schedule):
        spec = compiled.curriculum.sources[use.source.name]
        allowed = {"repeat": str(spec.max_passes or "any number")}.get(spec.exhausted, f"1 ({spec.exhausted})")
        ends = ", ".join(amount(schedule.tokens(end)) for end in use.pass_ends) or "-"
        rows.append((use.source.name, f"{use.drawn:,}", f"{use.source.samples:,}", f"{use.passes:.4g}", allowed, ends))
    return table(rows, right=(1, 2, 3))


def _shares(compiled: Compiled) -> str:
    schedule = compiled.schedule
    names = [source.name for source in schedule.sources]
    rows = [("realised shares", "unit", *names)]
    stretches = [(phase.name, phase.start, phase.stop) for phase in schedule.phases]
    for name, start, stop in [*stretches, ("whole run", 0, schedule.total_samples)]:
        for unit, shares in realised(schedule, start, stop).items():
            rows.append((name, unit, *(percent(shares[source]) for source in names)))
            name = ""
    return table(rows, right=tuple(range(2, 2 + len(names))))
