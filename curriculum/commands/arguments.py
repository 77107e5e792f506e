"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from curriculum.document import Document, Template, setting
from schemas.errors import InputError


def add_curriculum(parser: argparse.ArgumentParser) -> None:
    """A curriculum file and values for its parameters."""
    parser.add_argument("curriculum", type=Path, metavar="CURRICULUM.yaml")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a ${NAME} parameter, as YAML; may be given several times",
    )


def read_document(args: argparse.Namespace) -> Document:
    """The curriculum that the arguments name, filled in."""
    return Template.read(args.curriculum).fill(settings(args.settings))


def settings(given: list[str]) -> dict[str, yaml.Node]:
    """`NAME=VALUE` texts as YAML nodes."""
    found: dict[str, yaml.Node] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--set {text} is not NAME=VALUE", remedy="write --set share=0.2")
        found[name] = setting(name, value)
    return found
