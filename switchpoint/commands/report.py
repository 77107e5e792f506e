"""`report`: draws a scored sweep, or names the report that a data job has written."""

from __future__ import annotations

import argparse
from pathlib import Path

import curriculum.commands.report
from common.errors import InputError
from switchpoint.contents import Kind, kind_of

HELP = "draw a scored sweep: figures with intervals, the paper's orderings; or name a dataset's own report"
EXAMPLE = curriculum.commands.report.EXAMPLE


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    curriculum.commands.report.configure(parser)


def run(options: argparse.Namespace) -> int:
    """Draw, or print where the report lies."""
    kind = kind_of(str(options.sweep))
    if kind is Kind.SWEEP:
        return curriculum.commands.report.run(options)
    page = Path(options.sweep) / "report.html"
    if kind is Kind.DATASET and page.exists():
        print(page)
        return 0
    remedy = "`switchpoint audit` proves it, `switchpoint evaluate` scores it" if kind is Kind.RUN else "name a sweep"
    raise InputError(f"a {kind.value} without a report", file=options.sweep, remedy=remedy)
