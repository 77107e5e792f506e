"""`verify`: checks a dataset against its manifest."""

from __future__ import annotations

import argparse

from common.printable import escaped

HELP = "check a dataset: re-hash every shard, count every id, compare with the manifest"
EXAMPLE = """\
What the job has held out (DIR/held_out) is checked with it. Exit status: 0 sound, 1 the problems are listed, 2 there is
no dataset to check.

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
    from dataprep.engine.dataset import with_held_out

    return max([_checked(dataset, decode=options.decode) for dataset in with_held_out(options.dataset)])


def _checked(dataset: str, *, decode: bool) -> int:
    from dataprep.provenance import row_parts
    from dataprep.verify import verify

    manifest, problems = verify(dataset, row_parts.uids if decode else None)
    for problem in problems[:_SHOWN]:
        print(escaped(problem))
    if problems:
        print(f"{dataset}: {len(problems)} problems")
        return 1
    tokens = manifest.tokens
    print(
        f"{dataset}: sound: {len(manifest.shards):,} shards, {manifest.samples:,} samples, "
        f"{tokens.total:,} ids ({tokens.text:,} text, {tokens.caption:,} caption, {tokens.visual:,} visual, "
        f"{tokens.pad:,} pad), "
        f"{manifest.rows.written:,} of {manifest.rows.read:,} rows"
    )
    return 0
