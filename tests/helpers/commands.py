"""Helpers that tests of more than one package share."""

from __future__ import annotations

import os
import sys
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


@dataclass(frozen=True)
class FinishedDemo:
    """A small demo that ran undisturbed."""

    work: Path
    status: int
    output: str
