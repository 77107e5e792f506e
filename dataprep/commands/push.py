"""`push`: uploads a finished dataset to the Hugging Face hub."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.errors import InputError

HELP = "upload a finished dataset to the Hugging Face hub, with a card made from its manifest"
EXAMPLE = """\
HF_TOKEN says who uploads, HF_ENDPOINT names another hub. The dataset is verified first: every shard is hashed and every
id counted. Large datasets are many commits; the manifest is in the last one, so half a dataset is none. Given again
after an interruption or a takedown, the command sends what differs; earlier commits of the repository keep what they
held.

examples:
  python -m dataprep push data/text owner/name
  python -m dataprep push data/pairs owner/name --private
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dataset", metavar="DIR", help="a finished dataset, on disk")
    parser.add_argument("repository", metavar="OWNER/NAME", help="dataset repository; made if there is none")
    parser.add_argument("--private", action="store_true", help="make that repository a private one, if it is new")
    parser.add_argument("--replace", action="store_true", help="drop files there that are not the dataset's")


def run(options: argparse.Namespace) -> int:
    """Verify, upload and say where it is; returns the exit status."""
    if "://" in options.dataset:
        raise InputError("is not on disk", file=options.dataset, remedy="copy it to a folder first")
    from dataprep.publish.push import push
    from dataprep.verify import verify

    manifest, problems = verify(options.dataset, None)
    if problems:
        print(*problems[:20], sep="\n")
        print(f"{options.dataset}: {len(problems)} problems; nothing is uploaded", file=sys.stderr)
        return 1
    address = push(
        Path(options.dataset), manifest, options.repository, private=options.private, replace=options.replace
    )
    print(address or f"{options.repository} holds the dataset already")
    if manifest.removals:
        print(
            f"{options.repository}: earlier commits still hold what takedowns removed; where that must not be, "
            "squash the history (huggingface_hub: HfApi().super_squash_history) or delete the repository"
        )
    return 0
