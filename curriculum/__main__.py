"""`python -m curriculum COMMAND`: every command has a file in `curriculum.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from schemas.errors import exit_code

COMMANDS = ["compile", "check", "plot", "explain", "diff", "amend", "sweep", "report", "json-schema"]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m curriculum",
        description="Compile, check and explain curricula: which data, in what ratio, from which token on.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"curriculum.commands.{name.replace('-', '_')}")
        sub = commands.add_parser(
            name, help=module.HELP, epilog=module.EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 a check failed, 2 bad input."""
    args = parser().parse_args(arguments)
    return exit_code(lambda: args.run(args))


if __name__ == "__main__":
    sys.exit(main())
