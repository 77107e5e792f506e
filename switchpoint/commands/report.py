"""`report`: draws a scored sweep or a run, or names the report that a data job has written."""

from __future__ import annotations

import argparse
from pathlib import Path

import curriculum.commands.report
import train.commands.report
from common.errors import InputError
from switchpoint.contents import Kind, kind_of

HELP = "draw a scored sweep or a run, finished or going on (--watch); or name a dataset's own report"
EXAMPLE = f"{curriculum.commands.report.EXAMPLE}\nOf a run:\n{train.commands.report.EXAMPLE}"
_OF_SWEEPS = ("alone", "axis", "preset")
_OF_RUNS = ("watch", "peak", "schedule", "tokenizer")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the commands' arguments."""
    curriculum.commands.report.configure(parser)
    train.commands.report.add_options(parser.add_argument_group("for a run"))


def run(options: argparse.Namespace) -> int:
    """Draw, or print where the report lies."""
    kind = kind_of(str(options.sweep))
    if kind is Kind.SWEEP:
        _refuse(options, _OF_RUNS, "a sweep")
        return curriculum.commands.report.run(options)
    if kind is Kind.RUN:
        _refuse(options, _OF_SWEEPS, "a run")
        options.run_folder = options.sweep
        return train.commands.report.run(options)
    page = Path(options.sweep) / "report.html"
    if page.exists():
        print(page)
        return 0
    raise InputError(f"a {kind.value} without a report", file=options.sweep, remedy="name a sweep or a run")


def _refuse(options: argparse.Namespace, names: tuple[str, ...], kind: str) -> None:
    for name in names:
        if getattr(options, name):
            raise InputError(f"means nothing for {kind}", field=f"--{name}", file=options.sweep, remedy="leave it out")
