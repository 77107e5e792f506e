"""Builds command lines: one file a command, found by a table of names.

A command's module has `HELP` (one line), `EXAMPLE` (shown below its options), `configure(parser)` and `run(options)`.
One with `HANDS_ON = True` takes what follows `--` as `options.rest`, for the program that it starts.
Modules import what takes seconds, or what not every installation has, inside `run`, so that `--help` always answers.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from common import heartbeat, resources
from common.errors import InputError, exit_code


def command_line(prog: str, about: str, modules: Mapping[str, str]) -> argparse.ArgumentParser:
    """Build the parser of `prog`; `modules` maps each command to the dotted name of its module.

    What it parses has the chosen command's `run` as `run`.
    """
    top = argparse.ArgumentParser(prog=prog, description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, dotted in modules.items():
        module = import_module(dotted)
        sub = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=module.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)
        sub.set_defaults(run=module.run, rest=[] if getattr(module, "HANDS_ON", False) else None)
    return top


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Parse `arguments` and run the command; returns the exit status: 0 done, 1 a check failed, 2 bad input."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, rest = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    options = parser.parse_args(own)
    if rest and options.rest is None:
        parser.error(f"{options.command} takes nothing after --")
    hands_on = options.rest is not None
    options.rest = rest
    return exit_code(lambda: _run(options, hands_on=hands_on))


def _run(options: argparse.Namespace, *, hands_on: bool) -> int:
    # What watches goes on for ever, and what hands on to another program leaves the word to that.
    silent = hands_on or getattr(options, "watch", False)
    try:
        with contextlib.nullcontext() if silent else heartbeat.beating(str(options.command)):
            status: int | None = options.run(options)
        return status or 0
    except BrokenPipeError:
        raise
    except (OSError, MemoryError) as error:
        if lacks := resources.refused(error):
            raise lacks from None
        place = isinstance(error, OSError) and (error.filename2 or error.filename)
        if not place:
            raise
        raise InputError(str(getattr(error, "strerror", error)), file=place, remedy="check the path") from None
