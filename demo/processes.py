"""Run one command of the pipeline, and leave nothing behind: not on Ctrl-C, not after a `kill -9` of anything.

A stage is a tree of processes (spark-submit, a JVM, Python workers; or a launcher and its ranks). It runs in a
session of its own, so that an interrupt reaches this program alone, which then ends the tree in order. Whatever
outlives a killed program carries a mark in its environment, by which the next start finds and ends it: two writers
never meet.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "SWITCHPOINT_DEMO"
_GRACE_S = 15.0


def environment(work: Path) -> dict[str, str]:
    """This process's environment with what every stage needs; `work` marks the processes as this demo's."""
    interpreter = sys.executable
    path = os.pathsep.join([str(Path(interpreter).parent), os.environ.get("PATH", "")])
    root = Path(__file__).resolve().parents[1]
    python_path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    fixed = {
        MARK: str(work.resolve()),
        "PATH": path,
        "PYTHONPATH": python_path,
        "PYTHONUNBUFFERED": "1",
        "PYSPARK_PYTHON": interpreter,
        "PYSPARK_DRIVER_PYTHON": interpreter,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "HF_HUB_OFFLINE": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "WANDB_MODE": "offline",
        "TOKENIZERS_PARALLELISM": "false",
        # Threads of torch wait for each other asleep: on a busy machine a core that spins is one that is not there.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return {**os.environ, **fixed}


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> int:
    """Run a command to its end and return its exit status; on an interrupt end its whole tree, then pass it on."""
    with running(argv, cwd=cwd, env=env) as process:
        return process.wait()


@contextlib.contextmanager
def running(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command that runs while the block does; its tree is ended when the block is left."""
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdout=stdout, text=True, start_new_session=True)
    try:
        yield process
    finally:
        end_tree(process.pid)
        process.wait()


def end_tree(pid: int) -> None:
    """Ask the process and everything below it to end; after a grace period, make it."""
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    _end(tree)


def end_leftovers(work: Path) -> int:
    """End processes that an earlier, killed run of this demo left; returns how many there were."""
    mark = str(work.resolve())
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in own and process.environ().get(MARK) == mark:
                found.append(process)
    _end(found)
    return len(found)


def _end(processes: list[psutil.Process]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.send_signal(how)
        _, processes = psutil.wait_procs(processes, timeout=_GRACE_S)
        if not processes:
            return
