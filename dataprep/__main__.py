"""`python -m dataprep COMMAND`: looks at a job before it runs and at a dataset after; nothing here needs Spark.

Jobs themselves are `spark-submit dataprep/jobs/text.py JOB.yaml` and its neighbours.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common.command_line import command_line, run_command

COMMANDS = {
    "plan": "dataprep.commands.plan",
    "verify": "dataprep.commands.verify",
    "why": "dataprep.commands.why",
    "push": "dataprep.commands.push",
    "remove": "dataprep.commands.remove",
    "sweep-orphans": "dataprep.commands.clean",
}
"""Command -> its module."""


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    return command_line("python -m dataprep", str(__doc__), COMMANDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    return run_command(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
