"""`python -m train COMMAND`: what is done with checkpoints; every command has a file in `train.commands`.

Training itself is `composer -n N train/main.py RUN.yaml`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from schemas.errors import exit_code

COMMANDS = {
    "audit": "audit",
    "cost": "cost",
    "evaluate": "evaluate",
    "export": "export",
    "import": "import_trunk",
    "sweep": "sweep",
}
"""Command -> its module."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, file in COMMANDS.items():
        module = import_module(f"train.commands.{file}")
        sub = commands.add_parser(
            name, help=module.HELP, epilog=module.EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    options = parser().parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(exit_code(main))
