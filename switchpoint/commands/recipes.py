"""`recipes`: prints the folder of the recipes that come with the installation."""

from __future__ import annotations

import argparse
import sys
import sysconfig
from pathlib import Path

from common.errors import InputError

HELP = "print the folder of the recipes, to copy and change"
EXAMPLE = """\
example:
  cp "$(switchpoint recipes)/demo/text.yaml" text.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: none."""


def run(options: argparse.Namespace) -> None:
    """Print the folder: of a checkout, or of what was installed beside the interpreter."""
    places = (Path(__file__).resolve().parents[2], *(Path(p, "share/switchpoint") for p in _prefixes()))
    found = next((place / "recipes" for place in places if (place / "recipes/README.md").is_file()), None)
    if found is None:
        raise InputError(
            "the recipes are not installed", file=sys.prefix, remedy="install switchpoint's wheel or sdist"
        )
    print(found)


def _prefixes() -> tuple[str, ...]:
    return (sysconfig.get_path("data"), sys.prefix)
