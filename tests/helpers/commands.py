"""Helpers that tests of more than one package share."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "recipes/smoke"
_MAKE = {"ARGS", "PKG", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL"}
"""What `make test ARGS=-x` hands down: a `make` inside a test must not take it up."""


def command_environment(**more: str) -> dict[str, str]:
    """Environment for a user's command: this interpreter's programs first, this checkout's packages."""
    programs = str(Path(sys.executable).parent)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    inherited = {name: value for name, value in os.environ.items() if name not in _MAKE}
    return {**inherited, "PATH": path, "PYTHONPATH": str(ROOT), "VENV": sys.prefix, **more}


def assert_refused(main: Callable[[list[str]], int], arguments: list[str], *, match: str) -> None:
    """The command ends with exit status 2, and says why in one line that `match` is found in."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        assert main(arguments) == 2
    (line,) = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
    assert re.search(match, line), line


@dataclass(frozen=True)
class FinishedDemo:
    """A small demo that ran undisturbed."""

    work: Path
    status: int
    output: str
