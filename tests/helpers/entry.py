"""What every entry point does before any work: it teaches, and it refuses in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.helpers.commands import ROOT


def started(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python dataprep/jobs/NAME.py ...`, from a folder that is not the checkout's."""
    command = [sys.executable, str(ROOT / f"dataprep/jobs/{name}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent, timeout=120, check=False)


def teaches(name: str, *settings: str) -> None:
    """`--help` names the required `settings`."""
    shown = started(name, "--help")
    assert shown.returncode == 0, shown.stderr
    for setting in settings:
        assert f"  {setting} " in shown.stdout, setting


def refuses(name: str, folder: Path) -> None:
    """A misspelt setting is one line with its file, line and name, before Spark is started."""
    job = folder / "job.yaml"
    job.write_text("# a job\nout: o\nmisspelt: 1\n")
    said = started(name, str(job))
    assert said.returncode == 2
    assert "misspelt" in said.stderr
    assert f"{job}:" in said.stderr
    assert len(said.stderr.splitlines()) == 1, said.stderr
    assert said.stdout == ""
