"""`clean` (`sweep-orphans`): removes what killed attempts left beside a finished dataset."""

from __future__ import annotations

import argparse

HELP = "remove staging files that killed attempts left beside a finished dataset"
EXAMPLE = """\
The dataset itself is not touched, and one that is not finished is refused.

example:
  python -m dataprep sweep-orphans data/text
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dataset", metavar="DIR", help="a finished dataset")


def run(options: argparse.Namespace) -> None:
    """Removes what lies beside the dataset and prints the count."""
    from dataprep.engine import commit, lease
    from dataprep.engine.dataset import load_manifest
    from dataprep.storage import files

    out = files.absolute(options.dataset)
    load_manifest(out)
    with lease.held(out, "clean-up"):
        print(f"{options.dataset}: {len(commit.sweep(out))} files removed")
