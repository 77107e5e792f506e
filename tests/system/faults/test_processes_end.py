"""Processes of a data job are killed, or Spark's disk is full: one line, nothing is left running, the same bytes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.helpers import fault_worlds
from tests.helpers.commands import ROOT, command_environment
from tests.helpers.folders import tree
from tests.helpers.killing import LIMIT_S, working
from tests.helpers.stranger import Stranger, running

pytestmark = pytest.mark.soak
STAGES = {"text": "tokenize", "pairs": "pairs", "conversations": "conversations", "download": "download"}


@pytest.fixture(scope="module")
def server() -> Iterator[Stranger]:
    with running() as stranger:
        yield stranger


@pytest.fixture(scope="module", params=fault_worlds.JOBS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path, server: Stranger
) -> tuple[str, dict[str, Any], Path]:
    """A job, its settings, and a folder with `calm`, which a run made that nothing disturbed."""
    job, folder = request.param, tmp_path_factory.mktemp(request.param)
    given = fault_worlds.settings(job, folder / "in", fault_worlds.slow_tokenizer(folder, tokenizer_dir), server, 12)
    with started(job, given, folder / "calm") as process:
        assert process.wait(LIMIT_S) == 0, said(folder / "calm")
    return job, given, folder


@contextlib.contextmanager
def started(job: str, given: dict[str, Any], out: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The job as a command of its own session; after the block nothing of that session may run."""
    path = out.with_suffix(".yaml")
    path.write_text(json.dumps({**given, "out": str(out)}))
    with open(out.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / f"dataprep/jobs/{job}.py"), str(path)],
            env={**command_environment(), "SPARK_LOCAL_IP": "127.0.0.1", **environment},
            start_new_session=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
        deadline = time.monotonic() + 120
        while left := family(process.pid):
            assert time.monotonic() < deadline, [one.cmdline() for one in left]
            time.sleep(0.1)
    finally:
        for one in family(process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def family(session: int) -> list[psutil.Process]:
    """Every living process of a session: orphans keep it, whoever their parent is now."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(one.pid) == session and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def said(out: Path) -> str:
    return out.with_suffix(".log").read_text(errors="replace")


def the_line(out: Path) -> str:
    lines = [line for line in said(out).splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said(out)
    assert "Traceback" not in said(out)
    return lines[0]


def victims(process: subprocess.Popen[bytes], whom: str) -> list[psutil.Process]:
    """The driver, its JVM, Spark's daemon of Python workers, or those workers."""
    members = family(process.pid)
    daemons = [one for one in members if "pyspark.daemon" in " ".join(one.cmdline())]
    workers = [one for one in daemons if one.ppid() in {other.pid for other in daemons}]
    return {
        "driver": [one for one in members if one.pid == process.pid],
        "jvm": [one for one in members if "java" in Path(one.exe()).name],
        "daemon": [one for one in daemons if one not in workers],
        "worker": workers,
    }[whom]


LINES = {
    "driver": (-signal.SIGKILL, None),
    "jvm": (2, r"error: Spark: the JVM ended: it was killed, or could not start; .*the same command goes on"),
    "daemon": (2, r"error: Spark: out of memory \(a worker process was killed, .*\); use fewer cores at a time"),
    "worker": (2, r"error: Spark: out of memory \(a worker process was killed, .*\); use fewer cores at a time"),
}
"""Exit status and line after each was killed; whoever is killed says nothing."""


@pytest.mark.parametrize("whom", LINES)
def test_killed(world: tuple[str, dict[str, Any], Path], whom: str) -> None:
    job, given, folder = world
    out = folder / whom
    status, line = LINES[whom]
    with started(job, given, out) as process:
        until(process, lambda: working(out, STAGES[job]) and bool(victims(process, whom)))
        for one in victims(process, whom):
            one.send_signal(signal.SIGKILL)
        assert process.wait(LIMIT_S) == status, said(out)
    if line:
        assert re.match(line, the_line(out)), said(out)
    with started(job, given, out) as process:
        assert process.wait(LIMIT_S) == 0, said(out)
    assert tree(out) == tree(folder / "calm")


def until(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_sparks_own_disk(world: tuple[str, dict[str, Any], Path], fault: str) -> None:
    job, given, folder = world
    out = folder / f"spark-{fault}"
    with fault_worlds.small_disk(folder / "disk", 1 << 13) as disk:
        if fault == "full":
            (disk / "ballast").write_bytes(bytes(4096))
        else:
            fault_worlds.remount(disk, "ro")
        with started(job, given, out, SPARK_LOCAL_DIRS=str(disk)) as process:
            assert process.wait(LIMIT_S) == 2, said(out)
        what = {"full": "no space is left", "read-only": r"it cannot be written \(read-only file system: tmpfs at"}[
            fault
        ]
        assert re.match(rf"error: {disk}\S*: Spark's local directory: {what}.*; let SPARK_LOCAL_DIRS", the_line(out))
    with started(job, given, out) as process:
        assert process.wait(LIMIT_S) == 0, said(out)
    assert tree(out) == tree(folder / "calm")
