"""`plot`: draws a schedule as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from curriculum.commands.arguments import add_schedule, add_settings, read_schedule

HELP = "draw mix, learning rate, cumulative tokens and passes over the run"
EXAMPLE = """\
example:
  python -m curriculum plot schedule.json -o schedule.svg
  python -m curriculum plot curriculum.yaml --set share=0.2 -o schedule.html      # one file, opens anywhere
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_schedule(parser)
    add_settings(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("schedule.svg"), help=".svg, .png or .html")


def run(args: argparse.Namespace) -> int:
    """Draws the schedule and writes the file."""
    from curriculum.views.plot import save  # matplotlib takes a second to import

    save(read_schedule(args.schedule, args.settings), args.output)
    print(f"wrote {args.output}")
    return 0
