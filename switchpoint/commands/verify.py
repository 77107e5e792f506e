"""`verify`: checks a dataset, a run or a whole sweep, whichever a folder holds."""

from __future__ import annotations

import argparse
from pathlib import Path

import dataprep.commands.verify
import train.commands.audit
from switchpoint.contents import Kind, kind_of, runs_of

HELP = "check what a folder holds: a dataset against its manifest, a run or a sweep's runs against their schedules"
EXAMPLE = """\
Exit status: 0 sound, 1 the problems are listed, 2 there is nothing to check.

examples:
  switchpoint verify data/text
  switchpoint verify runs/curriculum
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", metavar="DATASET|RUN|SWEEP", help="a folder; datasets may lie in object storage")
    parser.add_argument("--decode", action="store_true", help="of a dataset: decode every picture too")


def run(options: argparse.Namespace) -> int:
    """Check and print; returns the exit status."""
    kind = kind_of(options.what)
    if kind is Kind.DATASET:
        return dataprep.commands.verify.run(argparse.Namespace(dataset=options.what, decode=options.decode))
    folders = [Path(options.what)] if kind is Kind.RUN else runs_of(Path(options.what))
    return max(_run(one) for one in folders)


def _run(out: Path) -> int:
    """Check a run's files and, where they are sound, what it saw."""
    from train.run.soundness import problems

    found = list(problems(out))
    for line in found:
        print(line)
    if found:
        return 1
    print(f"{out}: checkpoints, logs and remote are what was written")
    return train.commands.audit.run(argparse.Namespace(what=out, schedule=None))
