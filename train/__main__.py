"""Runs `python -m train COMMAND`, which works on checkpoints; every command has a file in `train.commands`.

Training itself is `composer -n N train/main.py RUN.yaml`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.command_line import command_line, run_command

COMMANDS = {
    "ask": "train.commands.ask",
    "audit": "train.commands.audit",
    "cost": "train.commands.cost",
    "evaluate": "train.commands.evaluate",
    "export": "train.commands.export",
    "import": "train.commands.import_trunk",
    "report": "train.commands.report",
    "sweep": "train.commands.sweep",
}
"""Command -> its module."""


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    return command_line("python -m train", str(__doc__), COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    return run_command(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
