"""`json-schema`: prints what a YAML file may hold, for editors that complete and check it while it is typed."""

from __future__ import annotations

import argparse
import json
from importlib import import_module

import curriculum.commands.json_schema

HELP = "print the JSON Schema of a curriculum, a run or a data job, for editors"
MODELS = {
    "run": "train.config.run_config:RunConfig",
    "text": "dataprep.text.config:TextJob",
    "download": "dataprep.download.config:DownloadJob",
    "pairs": "dataprep.pairs.config:PairsJob",
    "conversations": "dataprep.conversations.config:ConversationsJob",
}
"""What a file holds by the word for it, beside a curriculum: the model that reads it."""
EXAMPLE = """\
example:
  switchpoint json-schema > curriculum.schema.json
  switchpoint json-schema run > run.schema.json
then as the first line of a file (VS Code's YAML extension and others read it):
  # yaml-language-server: $schema=run.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", nargs="?", choices=("curriculum", *MODELS), default="curriculum")


def run(options: argparse.Namespace) -> int:
    """Print the schema of the file that was asked for."""
    if options.what == "curriculum":
        return curriculum.commands.json_schema.run(options)
    module, _, name = MODELS[options.what].partition(":")
    print(json.dumps(getattr(import_module(module), name).model_json_schema(), indent=1))
    return 0
