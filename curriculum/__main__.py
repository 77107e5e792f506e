"""Runs `python -m curriculum COMMAND`; every command has a file in `curriculum.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.command_line import command_line, run_command

_NAMES = ("compile", "check", "plot", "explain", "diff", "amend", "sweep", "report", "json-schema")
COMMANDS = {name: f"curriculum.commands.{name.replace('-', '_')}" for name in _NAMES}
"""Command -> its module."""
ABOUT = "Compile, check and explain curricula: which data, in what ratio, from which token on."


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    return command_line("python -m curriculum", ABOUT, COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    return run_command(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
