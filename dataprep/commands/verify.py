"""`verify`: checks a dataset against its manifest."""

from __future__ import annotations

import argparse

from common.printable import escaped

HELP = "check a dataset: re-hash every shard, count every id, compare with the manifest"
EXAMPLE = """\
Exit status: 0 sound, 1 the problems are listed, 2 there is no dataset to check.

example:
  python -m dataprep verify data/text
  python -m dataprep verify data/pairs --decode
"""
_SHOWN = 20
"""Problems that are listed; the rest is counted."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dataset", metavar="DIR", help="a finished dataset, on disk or in object storage")
    parser.add_argument("--decode", action="store_true", help="decode every picture too, as the trainer does")


def run(options: argparse.Namespace) -> int:
    """Check and print; returns the exit status."""
    from dataprep.provenance import row_parts
    from dataprep.verify import verify

    manifest, problems = verify(options.dataset, row_parts.uids if options.decode else None)
    for problem in problems[:_SHOWN]:
        print(escaped(problem))
    if problems:
        print(f"{options.dataset}: {len(problems)} problems")
        return 1
    tokens = manifest.tokens
    print(
        f"{options.dataset}: sound: {len(manifest.shards):,} shards, {manifest.samples:,} samples, "
        f"{tokens.total:,} ids ({tokens.text:,} text, {tokens.caption:,} caption, {tokens.visual:,} visual, "
        f"{tokens.pad:,} pad), "
        f"{manifest.rows.written:,} of {manifest.rows.read:,} rows"
    )
    return 0
