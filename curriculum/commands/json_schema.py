"""`json-schema`: prints the language as JSON Schema, for editors that complete and check YAML while it is typed."""

from __future__ import annotations

import argparse
import json

from curriculum.language.json_schema import json_schema

HELP = "print the curriculum language as JSON Schema, for editors"
EXAMPLE = """\
example:
  python -m curriculum json-schema > curriculum.schema.json
then as the first line of a curriculum (VS Code's YAML extension and others read it):
  # yaml-language-server: $schema=curriculum.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds no arguments: the command has none."""


def run(args: argparse.Namespace) -> int:
    """Prints the JSON Schema."""
    print(json.dumps(json_schema(), indent=1))
    return 0
