"""`verify`: checks a dataset, a run, a whole sweep or an export, whichever a folder holds."""

from __future__ import annotations

import argparse
from pathlib import Path

import dataprep.commands.verify
import train.commands.audit
from common.errors import InputError
from common.printable import escaped
from switchpoint.contents import Kind, kind_of, runs_of
from train.export import description

HELP = "check what a folder holds: a dataset, a run, all runs of a sweep, or an export"
EXAMPLE = """\
A dataset is compared with its manifest, a run with its digests and its schedule, an export with its digests.

Exit status: 0 sound, 1 the problems are listed, 2 there is nothing to check.

examples:
  switchpoint verify data/text
  switchpoint verify runs/curriculum
  switchpoint verify exported
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", metavar="DATASET|RUN|SWEEP|EXPORT", help="a folder; datasets may lie in object storage")
    parser.add_argument("--decode", action="store_true", help="of a dataset: decode every picture too")


def run(options: argparse.Namespace) -> int:
    """Check and print; returns the exit status."""
    kind = kind_of(options.what)
    if kind is Kind.DATASET:
        return dataprep.commands.verify.run(argparse.Namespace(dataset=options.what, decode=options.decode))
    if kind is Kind.EXPORT:
        return _export(Path(options.what))
    folders = [Path(options.what)] if kind is Kind.RUN else runs_of(Path(options.what))
    return max(_run(one) for one in folders)


def _export(path: Path) -> int:
    """Check an export's files."""
    digests = description.described(path).digests
    if digests is None:
        problem = "exported by an older release, without digests: there is nothing to compare its files with"
        raise InputError(problem, file=path, remedy="export again")
    found = list(description.problems(path, digests))
    for line in found:
        print(escaped(f"{path}: {line}"))
    if not found:
        print(f"{path}: {len(digests)} files are what was exported (the text of {description.CARD} may change)")
    return 1 if found else 0


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
