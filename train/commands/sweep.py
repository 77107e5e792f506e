"""`sweep`: trains and scores a whole sweep on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import InputError
from train.commands.scoring_arguments import add_scoring_arguments, scoring_choice

HELP = "train every stretch of a sweep on this machine, trunks before branches, and score its runs"
EXAMPLE = """\
For small models: workers stay from stretch to stretch, so that none waits for a process to start. Large ones are
launched by the sweep's own files (launch.sh, slurm/submit.sh); finished stretches are skipped either way.

example:
  python -m curriculum sweep recipes/study/sweep.yaml -o study
  python -m train sweep study --workers 2 --threads 1 --evaluate vqav2 pope --data world/held_out --bare
  python -m curriculum report study
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("sweep", type=Path, metavar="SWEEP", help="folder that `python -m curriculum sweep -o` wrote")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes, each with one stretch at a time (default: 1)"
    )
    parser.add_argument("--threads", type=int, help="CPU threads of each; default: torch's own choice")
    add_scoring_arguments(parser, "--evaluate")
    parser.add_argument("--no-blind", action="store_true", help="do not score the tasks without their images as well")


def run(args: argparse.Namespace) -> int:
    """Work through the sweep."""
    from train.evaluation.tasks import task_named
    from train.sweep.scoring import Scoring
    from train.sweep.worker_pool import work

    for name in ("workers", "threads", "limit"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise InputError("must be at least 1", field=f"--{name}")
    chosen = scoring_choice(args)
    for name, place in chosen.tasks:
        task_named(name).load(place)
    scoring = Scoring(
        chosen.tasks, chosen.losses, args.bare, chosen.by, args.limit,
        rule=chosen.rule, frame=args.box_frame, only=chosen.only, blind=not args.no_blind,
        text=chosen.text, text_include=args.text_include, text_shots=args.text_shots,
    )  # fmt: skip
    seconds = work(args.sweep, workers=args.workers, threads=args.threads, scoring=scoring)
    print(f"{args.sweep}: done after {seconds:.0f} s in this call")
    return 0
