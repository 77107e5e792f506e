"""Runs `switchpoint COMMAND`: the commands of dataprep, curriculum and train under one name.

The commands are those of `python -m dataprep`, `python -m curriculum` and `python -m train`: the same modules with the
same arguments. As a console script it runs in any folder, also beside a user's own `train.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import curriculum.__main__
import dataprep.__main__
import train.__main__
from common.command_line import command_line, run_command
from common.version import VERSION

ABOUT = """\
From raw data to a scored model, in this order:

  recipes                                                 examples to copy and change
  prepare, plan, jobs, verify, why, push, remove, clean   datasets (Spark)
  show                                                    windows of a dataset, or of a step of a schedule
  compile, check, plot, explain, diff, amend              schedules
  train, audit, evaluate, ask, export, import, cost       models (GPUs)
  sweep, score, report                                    many runs that share their trunks
"""
_OWN = {
    name: f"switchpoint.commands.{name.replace('-', '_')}"
    for name in ("prepare", "jobs", "recipes", "verify", "show", "report", "train", "json-schema")
}
_DATA = dict(dataprep.__main__.COMMANDS)
_DATA["clean"] = _DATA.pop("sweep-orphans")
_MODELS = dict(train.__main__.COMMANDS)
_MODELS["score"] = _MODELS.pop("sweep")
COMMANDS: dict[str, str] = {**_DATA, **curriculum.__main__.COMMANDS, **_MODELS, **_OWN}
"""Command -> its module."""


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = command_line("switchpoint", ABOUT, COMMANDS)
    top.add_argument("--version", action="version", version=f"switchpoint {VERSION}")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    return run_command(parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
