"""Defines the arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ruamel.yaml.nodes import Node

from common.errors import InputError
from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.compiler.layout import nearest
from curriculum.language.amounts import parse_amount
from curriculum.language.template import Document, Template, setting
from schemas.schedule import Schedule


def add_curriculum(parser: argparse.ArgumentParser) -> None:
    """A curriculum file and values for its parameters."""
    parser.add_argument("curriculum", type=Path, metavar="CURRICULUM.yaml")
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Values for a curriculum's parameters."""
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


def settings(given: list[str]) -> dict[str, Node]:
    """`NAME=VALUE` texts as YAML nodes."""
    found: dict[str, Node] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--set {text} is not NAME=VALUE", remedy="write --set share=0.2")
        if name in found:
            raise InputError(f"--set {name} is given twice", remedy="give it once")
        found[name] = setting(name, value)
    return found


def add_schedule(parser: argparse.ArgumentParser, name: str = "schedule") -> None:
    """A compiled schedule, or a curriculum to compile on the way."""
    parser.add_argument(name, type=Path, metavar=f"{name.upper()}", help="schedule.json, or a curriculum in YAML")


def read_schedule(path: Path, given: list[str] | None = None) -> Schedule:
    """The schedule at `path`; a YAML file is compiled first."""
    if path.suffix in (".yaml", ".yml"):
        return compile_curriculum(Template.read(path).fill(settings(given or []))).schedule
    return Schedule.load(path)


def positive(text: str) -> float:
    """A positive number, for argparse."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


def whole(text: str) -> int:
    """A whole number from 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def position(text: str, schedule: Schedule) -> int:
    """A place in the run, in samples: `3.44T` tokens, `120000 steps`, `1000 samples` or `80%` of the run.

    Raises:
        InputError: it is no amount, or lies outside the run.
    """
    total = schedule.total_samples
    try:
        amount = parse_amount(text)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        raise InputError(problem, remedy=remedy) from None
    tokens = amount.tokens(whole=schedule.tokens(total), sample=schedule.seq_len, batch=schedule.global_batch)
    found = nearest(tokens / schedule.seq_len)
    if found > total:
        raise InputError(f"{text} is sample {found:,}, outside the run", remedy=f"it has {total:,} samples")
    return found
