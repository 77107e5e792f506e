"""`plan`: estimates a job from a sample of its inputs."""

from __future__ import annotations

import argparse

from common import yaml_file

HELP = "estimate a job: bytes, tokens, padding, core-hours and shards, from a sample (download: rows and shards)"
EXAMPLE = """\
Reads a sample of the inputs; starts no Spark and writes nothing.

example:
  python -m dataprep plan recipes/demo/text.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("job", metavar="JOB.yaml", help="the job's settings")


def run(options: argparse.Namespace) -> None:
    """Prints the estimate of a job; which one it is, its keys tell."""
    from dataprep.conversations import estimate as conversations
    from dataprep.conversations.config import ConversationsJob
    from dataprep.download import job as download
    from dataprep.download.config import DownloadJob
    from dataprep.pairs import estimate as pairs
    from dataprep.pairs.config import PairsJob
    from dataprep.text import estimate as text
    from dataprep.text.config import TextJob

    keys, _ = yaml_file.compose(options.job)
    given = set(keys) if isinstance(keys, dict) else set()
    own = ConversationsJob.model_fields.keys() - PairsJob.model_fields.keys()
    if given & own or ("geometry" in given and _is_rows(keys.get("inputs"))):
        print(conversations.describe(yaml_file.load(options.job, ConversationsJob)))
    elif "geometry" in given:
        print(pairs.describe(yaml_file.load(options.job, PairsJob)))
    elif given & (DownloadJob.model_fields.keys() - TextJob.model_fields.keys()):
        print(download.describe(yaml_file.load(options.job, DownloadJob)))
    else:
        print(text.describe(yaml_file.load(options.job, TextJob)))


def _is_rows(inputs: object) -> bool:
    """Whether the inputs are files of conversations, by the first one's name and, of Parquet, columns."""
    from dataprep.conversations.embedded_rows import has_turns
    from dataprep.storage import globs

    named = [one for one in (inputs if isinstance(inputs, list) else [inputs]) if isinstance(one, str)]
    if not any(".parquet" in one for one in named):
        return any(".json" in one for one in named)
    return has_turns(globs.expand(named)[0])
