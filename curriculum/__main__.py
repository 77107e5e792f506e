"""`python -m curriculum COMMAND`: every command has a file in `curriculum.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.command_line import command_line
from common.errors import InputError, exit_code

COMMANDS = ["compile", "check", "plot", "explain", "diff", "amend", "sweep", "report", "json-schema"]
ABOUT = "Compile, check and explain curricula: which data, in what ratio, from which token on."


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return command_line("curriculum", ABOUT, {name: name.replace("-", "_") for name in COMMANDS})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 a check failed, 2 bad input."""
    args = parser().parse_args(arguments)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    try:
        status: int = args.run(args)
        return status
    except BrokenPipeError:
        raise
    except OSError as error:  # an output that is a directory, may not be written, or finds the disk full
        remedy = "check the path, its permissions and the space left"
        raise InputError(error.strerror or str(error), file=error.filename2 or error.filename, remedy=remedy) from None


if __name__ == "__main__":
    sys.exit(main())
