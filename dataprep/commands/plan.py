"""`plan`: estimates a job from a sample of its inputs."""

from __future__ import annotations

import argparse

from common import yaml_file

HELP = "estimate a job (text, pairs, conversations): bytes, tokens, padding, core-hours and shards, from a sample"
EXAMPLE = """\
Reads a sample of the inputs; starts no Spark and writes nothing.

example:
  python -m dataprep plan recipes/demo/text.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("job", metavar="JOB.yaml", help="the job's settings")


def run(options: argparse.Namespace) -> None:
    """Prints the estimate of a job."""
    keys, _ = yaml_file.compose(options.job)
    if not isinstance(keys, dict):
        keys = {}
    if "image_root" in keys:
        from dataprep.conversations import estimate as conversations
        from dataprep.conversations.config import ConversationsJob

        print(conversations.describe(yaml_file.load(options.job, ConversationsJob)))
    elif "geometry" in keys:
        from dataprep.pairs import estimate as pairs
        from dataprep.pairs.config import PairsJob

        print(pairs.describe(yaml_file.load(options.job, PairsJob)))
    else:
        from dataprep.text import estimate as text
        from dataprep.text.config import TextJob

        print(text.describe(yaml_file.load(options.job, TextJob)))
