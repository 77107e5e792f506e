"""`python -m train COMMAND`: what is done with checkpoints; every command has a file in `train.commands`.

Training itself is `composer -n N train/main.py RUN.yaml`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.command_line import command_line
from common.errors import exit_code

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
    return command_line("train", str(__doc__), COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    options = parser().parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(exit_code(main))
