"""`sweep`: train and score a whole sweep on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import InputError

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
    parser.add_argument("--evaluate", nargs="+", default=[], metavar="TASK[=PLACE]", help="score runs on these tasks")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the tasks' folders (default: here)")
    parser.add_argument("--loss", nargs="+", default=[], metavar="NAME=DATASET", help="held-out loss on MDS datasets")
    parser.add_argument("--by", choices=["generation", "likelihood"], default="generation")
    parser.add_argument("--bare", action="store_true", help="leave the tasks' instruction lines out of the prompts")
    parser.add_argument("--rule", default="official", choices=["official", "vlm-evaluation", "normalised", "letter"],
                        help="how answers are scored, by tasks that know the rule (default: official)")  # fmt: skip
    parser.add_argument("--box-frame", default="image", choices=["image", "square"],
                        help="what corners are shares of: the image, or the square it is padded to")  # fmt: skip
    parser.add_argument("--only", nargs="+", default=[], metavar="TASK=PART[,PART]", help="ask these splits of a task")
    parser.add_argument("--no-blind", action="store_true", help="do not score the tasks without their images as well")
    parser.add_argument("--limit", type=int, help="only the first items of each task")


def run(args: argparse.Namespace) -> int:
    """Work through the sweep."""
    from train.commands.evaluate import pair, parts
    from train.evaluation.tasks import task_named
    from train.sweep.scoring import Scoring
    from train.sweep.worker_pool import work

    for name in ("workers", "threads", "limit"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise InputError("must be at least 1", field=f"--{name}")
    tasks = tuple(pair(text, args.data) for text in args.evaluate)
    for name, folder in tasks:
        task_named(name).load(folder)
    scoring = Scoring(
        tasks, tuple(pair(text, None) for text in args.loss), args.bare, args.by, args.limit,
        rule=args.rule, frame=args.box_frame, only=parts(args.only), blind=not args.no_blind,
    )  # fmt: skip
    seconds = work(args.sweep, workers=args.workers, threads=args.threads, scoring=scoring)
    print(f"{args.sweep}: done after {seconds:.0f} s in this call")
    return 0
