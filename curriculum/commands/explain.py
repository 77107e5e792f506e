"""`explain`: prints the samples of a step, and the commands that name the documents behind them."""

from __future__ import annotations

import argparse

from common.errors import InputError
from common.text_table import amount, table
from curriculum.commands.arguments import add_schedule, add_settings, read_schedule, whole
from curriculum.views.explain import Place, places, rank_slice, shard_names, step_range, why_commands
from curriculum.views.tables import mix
from schemas.schedule import Schedule

HELP = "name the samples of a step, their shards, and the commands that tell the documents or URLs behind them"
EXAMPLE = """\
Steps count from 0. A rank trains on its contiguous part of the step's positions.

example:
  python -m curriculum explain schedule.json --step 120000
  python -m curriculum explain schedule.json --step 120000 --rank 3 --world 8
  python -m curriculum explain schedule.json --step 60000 --global-batch 512      # as trained with another batch size
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_schedule(parser)
    add_settings(parser)
    parser.add_argument("--step", type=int, required=True, help="optimizer step, from 0")
    parser.add_argument("--rank", type=int, help="only what this rank trained on")
    parser.add_argument("--world", type=whole, help="number of ranks")
    parser.add_argument("--global-batch", type=whole, help="samples in a step; default: the schedule's")
    parser.add_argument("--limit", type=whole, default=64, help="samples to list; default 64")


def run(args: argparse.Namespace) -> int:
    """Print the step's samples."""
    if (args.rank is None) != (args.world is None):
        raise InputError("--rank and --world belong together", remedy="give both")
    if args.rank is not None and not 0 <= args.rank < args.world:
        raise InputError(f"no rank {args.rank} of {args.world}", remedy=f"ranks are 0 to {args.world - 1}")
    schedule = read_schedule(args.schedule, args.settings)
    start, stop = step_range(schedule, args.step, args.global_batch or schedule.global_batch)
    phase = schedule.phase(start)
    print(
        f"step {args.step:,}: positions {start:,} to {stop - 1:,}, token {amount(schedule.tokens(start))} of the run; "
        f"phase '{phase.name}' ({mix(schedule, phase)}); learning rate {schedule.lr(start):.6g}"
    )
    counts = {name: n - schedule.counts(start)[name] for name, n in schedule.counts(stop).items()}
    print("batch: " + ", ".join(f"{name} {count:,}" for name, count in counts.items() if count))
    if args.rank is not None:
        start, stop = rank_slice(start, stop, args.rank, args.world)
        print(f"rank {args.rank} of {args.world}: positions {start:,} to {stop - 1:,}")
    shown = places(schedule, start, min(stop, start + args.limit))
    print(_listing(schedule, shown))
    if stop - start > len(shown):
        print(f"... and {stop - start - len(shown):,} more (--limit)")
    print("documents or URLs behind them:", *why_commands(shown), sep="\n  ")
    return 0


def _listing(schedule: Schedule, shown: list[Place]) -> str:
    names = {source.name: shard_names(source) for source in schedule.sources}
    rows = [("position", "source", "pass", "sample", "shard", "in shard")]
    for place in shown:
        known = names[place.source.name]
        shard = known[place.shard] if known else f"#{place.shard}"
        here = (f"{place.position:,}", place.source.name, f"{place.turn + 1}", f"{place.sample:,}", shard)
        rows.append((*here, f"{place.in_shard:,}"))
    return table(rows, right=(0, 2, 3, 5))
