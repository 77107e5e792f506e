"""What every entry point does before any work: it teaches, and it refuses in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dataprep.engine import job_command
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


def tries_where(
    kind: str, job: dict[str, Any], folder: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, bool]]:
    """Exit status, and whether Spark was started, of a dry run of `job` without `where`, with a good one, a bad one.

    `spark` stands for the session that a dry run starts and stops.
    """
    sessions: list[str] = []
    monkeypatch.setattr(job_command, "session", lambda name: [spark, sessions.append(name)][0])
    monkeypatch.setattr(job_command, "_stop", lambda session: None)
    file = folder / "job.yaml"
    for where in (None, "length(url) > 3 or url is null", "length(url"):
        file.write_text(json.dumps(job, indent=1)[:-2] + (f',\n "where": "{where}"\n}}' if where else "\n}"))
        monkeypatch.setattr(sys, "argv", [kind, str(file), "--dry-run"])
        sessions.clear()
        yield import_module(f"dataprep.jobs.{kind}").main(), bool(sessions)
