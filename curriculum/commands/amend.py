"""`amend`: changes the future of a run that has already begun."""

from __future__ import annotations

import argparse
from pathlib import Path

from curriculum.commands.arguments import add_curriculum, position, read_document
from curriculum.compiler.amend import amend
from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.views.tables import phase_table
from schemas.schedule import Schedule
from schemas.schedule_diff import compare

HELP = "give a running schedule a new future from a position on; its past is proven equal"
EXAMPLE = """\
Takes the past from the schedule that is being trained and the future from an edited curriculum. Checkpoints from
before the position are good for the new schedule, and the trainer checks that by the hash of the past.

example:
  python -m curriculum amend running.json edited.yaml --at '120000 steps' -o amended.json
  python -m curriculum amend running.json edited.yaml --at 3.44T -o amended.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("running", type=Path, metavar="RUNNING.json", help="the schedule that is being trained")
    add_curriculum(parser)
    parser.add_argument("--at", required=True, help="3.44T (tokens), '120000 steps', '80%%' of the running schedule")
    parser.add_argument("-o", "--output", type=Path, required=True)


def run(args: argparse.Namespace) -> int:
    """Join, prove, print, write."""
    running = Schedule.load(args.running)
    at = position(args.at, running)
    joined = amend(running, compile_curriculum(read_document(args)), at)
    parting = compare(running, joined)
    first = "nowhere: nothing changes" if parting.written is None else f"at sample {parting.written:,}"
    joined.save(args.output)
    print(phase_table(joined))
    print(f"the past before sample {at:,} is equal: {joined.prefix_hash(at)}")
    print(f"the runs part {first}")
    print(f"wrote {args.output}")
    return 0
