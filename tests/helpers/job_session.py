"""Runs a data job as a command in a session of its own, names its processes by role, and kills them one by one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.helpers.commands import ROOT, command_environment
from tests.helpers.killing import LIMIT_S

ROLES = ("driver", "jvm", "daemon", "worker", "executor")
"""Processes of a job; the JVM is the driver's, and only a `local-cluster` has executors beside it."""


@contextlib.contextmanager
def started(job: str, given: dict[str, Any], out: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The job as a command of its own session; after the block nothing of that session may run.

    Settings and log lie beside `out`, which the job writes to unless `given` names another.
    """
    path = out.with_suffix(".yaml")
    path.write_text(json.dumps({"out": str(out), **given}))
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
        ended(family(process.pid))
        assert not family(process.pid)
    finally:
        for one in family(process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def family(session: int) -> list[psutil.Process]:
    """Every living process of a session: orphans keep it, whoever their parent is now."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(pid) == session and alive(one := psutil.Process(pid)):
                found.append(one)
    return found


def alive(one: psutil.Process) -> bool:
    """Whether a process has not ended; a zombie has."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    return False


def ended(processes: Sequence[psutil.Process], seconds: float = 120) -> None:
    """Wait until all have ended by themselves, which they must. None is reaped: its parent wants its exit status."""
    deadline = time.monotonic() + seconds
    while left := [one for one in processes if alive(one)]:
        assert time.monotonic() < deadline, [" ".join(one.cmdline()) for one in left if alive(one)]
        time.sleep(0.02)


def by_role(session: int) -> dict[str, list[psutil.Process]]:
    """The living processes of a session, by what they are in the job."""
    found: dict[str, list[psutil.Process]] = {role: [] for role in ROLES}
    said: dict[int, str] = {}
    members = family(session)
    for one in members:
        with contextlib.suppress(psutil.Error):
            said[one.pid] = " ".join(one.cmdline())
    for one in members:
        words = said.get(one.pid, "")
        with contextlib.suppress(psutil.Error):
            if one.pid == session:
                found["driver"].append(one)
            elif "CoarseGrainedExecutorBackend" in words:
                found["executor"].append(one)
            elif "pyspark.daemon" in words:
                found["worker" if "pyspark.daemon" in said.get(one.ppid(), "") else "daemon"].append(one)
            elif "java" in Path(one.exe()).name:
                found["jvm"].append(one)
    return found


def kill(victim: psutil.Process) -> list[psutil.Process] | None:
    """Kill `victim` by SIGKILL and see it end; returns its children, or None where it had ended before.

    It is stopped first: a stopped process neither ends by itself nor starts another, so it died of the kill.
    """
    try:
        victim.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 60
        while (state := victim.status()) != psutil.STATUS_STOPPED:
            if state in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return None
            assert time.monotonic() < deadline, state
            time.sleep(0.001)
        children = victim.children(recursive=True)
        victim.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return None
    ended([victim])
    return children


def until(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> None:
    """Wait for what must happen before the job ends."""
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def said(out: Path) -> str:
    """What the command that writes to `out` has printed."""
    return out.with_suffix(".log").read_text(errors="replace")


def the_line(out: Path) -> str:
    """The one line that a failed command says of its failure."""
    lines = [line for line in said(out).splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said(out)
    assert "Traceback" not in said(out)
    return lines[0]
