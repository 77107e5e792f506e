"""`compile`: turns a curriculum file and the datasets' manifests into a schedule."""

from __future__ import annotations

import argparse
from pathlib import Path

from curriculum.commands.arguments import add_curriculum, read_document
from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.compiler.lock_file import check_lock, lock_path, write_lock
from curriculum.views.tables import report

HELP = "turn a curriculum into a schedule that the trainer reads"
EXAMPLE = """\
Reads the curriculum and the manifest.json of every dataset it names, checks that they fit each other and that the
data lasts, and writes a schedule: a pure function from any position of the run to source, sample and learning rate.
Beside it goes a lock file with the digests of everything that was read.

example:
  python -m curriculum compile recipes/demo/curriculum.yaml -o schedule.json
  python -m curriculum compile curriculum.yaml --set share=0.2 --set seed=365 -o schedule-0.2-365.json
  python -m curriculum compile curriculum.yaml -o schedule.json --locked     # refuse if anything read has changed
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_curriculum(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("schedule.json"), help="default: schedule.json")
    parser.add_argument("--locked", action="store_true", help="refuse if a file or dataset differs from the lock file")


def run(args: argparse.Namespace) -> int:
    """Compile, print the table, write schedule and lock."""
    compiled = compile_curriculum(read_document(args))
    if args.locked:
        check_lock(compiled, lock_path(args.output))
    print(report(compiled))
    compiled.schedule.save(args.output)
    write_lock(compiled, lock_path(args.output))
    print(f"wrote {args.output} and {lock_path(args.output)}")
    return 0
