"""Start a job as a user does, wait for a moment in its life, and kill processes of it with SIGKILL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from dataprep.engine.paths import STAGING
from tests.helpers.commands import ROOT, command_environment

LIMIT_S = 500
"""For a machine that is busy with other things; an idle one needs seconds."""


@contextmanager
def submit(
    script: str, settings: dict[str, Any], master: str, path: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`spark-submit dataprep/jobs/SCRIPT.py` with these settings, in a file; nothing of it outlives the block."""
    path = path or Path(f"{settings['out']}.yaml")
    path.write_text(json.dumps(settings))
    program = str(Path(sys.executable).parent / "spark-submit")
    command = [program, "--master", master, str(ROOT / f"dataprep/jobs/{script}.py"), str(path)]
    environment = {**command_environment(), "SPARK_LOCAL_IP": "127.0.0.1"}
    with open(path.with_suffix(".log"), "ab") as log:
        process = subprocess.Popen(
            command, cwd=path.parent, env=environment, start_new_session=True, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            kill_tree(process)


def wait_for(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> None:
    """Until `happened`, which must be before the process ends."""
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def receipts(out: Path, stage: str) -> int:
    """How many tasks of a stage have ended."""
    return len(list((out / STAGING / stage).glob("[!.]*.json")))


def working(out: Path, stage: str) -> bool:
    """Whether a task of a stage is at work."""
    return any((out / STAGING / "tmp").glob(f"{stage}-*"))


def kill_executor(process: subprocess.Popen[bytes]) -> None:
    """One of the executors of a `local-cluster`."""
    executors = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any("CoarseGrainedExecutorBackend" in part for part in child.cmdline()):
                executors.append(child)
    assert len(executors) == 2
    executors[0].send_signal(signal.SIGKILL)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """The driver, its JVM, and their children, at once."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        with suppress(psutil.NoSuchProcess):  # they come and go
            member.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, 20)
    process.wait(20)
