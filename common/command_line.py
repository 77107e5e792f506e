"""`python -m PACKAGE COMMAND`: one file a command, found by a table of names.

A command's module has `HELP` (one line), `EXAMPLE` (shown below its options), `configure(parser)` and `run(options)`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module


def command_line(package: str, about: str, modules: Mapping[str, str]) -> argparse.ArgumentParser:
    """The parser of `python -m PACKAGE`; `modules` maps commands to files in `PACKAGE.commands`.

    What it parses has the chosen command's `run` as `run`.
    """
    top = argparse.ArgumentParser(
        prog=f"python -m {package}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, file in modules.items():
        module = import_module(f"{package}.commands.{file}")
        sub = commands.add_parser(
            name, help=module.HELP, epilog=module.EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return top
