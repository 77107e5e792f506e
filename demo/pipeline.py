"""Stages run one after another in a work folder, those that are done left out; for the demo and for the study.

Whatever is interrupted or killed, the same call goes on: a stage is done when its stamp is there, stamps are written
whole, and one pipeline at a time holds the folder.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from common import atomic_files
from common.errors import InputError
from common.file_lock import exclusive
from demo import processes
from demo.stages import ROOT, Stage, stamp
from demo.world.server import WorldServer

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

console = Console(stderr=True, highlight=False, soft_wrap=True)


def show(stages: Sequence[Stage]) -> None:
    """Print the commands: a dry run."""
    for stage in stages:
        print(f"# {stage.says}\n{shlex.join(stage.argv)}")


def run(work: Path, stages: Sequence[Stage], again: str, finish: Callable[[], int]) -> int:
    """Run what is not done yet, then `finish`; returns the exit status. `again` is the command that goes on.

    Raises:
        InputError: another pipeline runs in this folder.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with exclusive(work / ".lock", "demo"):
            return finish() if _through(work, stages) else EXIT_FAILED
    except KeyboardInterrupt:
        console.print(f"interrupted; start again to go on: {again}")
        return EXIT_INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _through(work: Path, stages: Sequence[Stage]) -> bool:
    """Whether all stages are done now."""
    if left := processes.end_leftovers(work):
        console.print(f"ended {left} processes that an earlier, killed run had left")
    env = processes.environment(work)
    before, started = "", time.monotonic()
    for number, stage in enumerate(stages, 1):
        before = stamp(stage, before)
        done = work / ".stages" / stage.name
        title = f"[bold]{number}/{len(stages)}[/bold] {stage.says}"
        if done.is_file() and done.read_text().split()[:1] == [before]:
            console.print(f"{title}: done before")
            continue
        console.print(f"{title}  [dim]{shlex.join(map(_short, stage.argv))}[/dim]")
        begun = time.monotonic()
        with images(work, env, wanted=bool(stage.fetched)) as is_up:
            status = processes.run(stage.argv, cwd=work, env=env)
            if not is_up():
                shutil.rmtree(work / stage.fetched, ignore_errors=True)
                console.print("the image server ended meanwhile: what was fetched goes, since pictures lack in it")
                status = status or EXIT_FAILED
        if status != 0:
            console.print(f"[red]stage '{stage.name}' ended with status {status}[/red]; mend it, start again to go on")
            return False
        atomic_files.write_text(done, f"{before} {time.monotonic() - begun:.1f}\n")
        console.print(f"{title}: {time.monotonic() - begun:.0f} s")
    console.print(f"all stages done after {time.monotonic() - started:.0f} s in this run")
    return True


@contextlib.contextmanager
def images(work: Path, env: dict[str, str], *, wanted: bool) -> Iterator[Callable[[], bool]]:
    """The world's images served on loopback while the block runs, if they are wanted; tells whether they still are."""
    if not wanted:
        yield lambda: True
        return
    with WorldServer(work / "world"):
        pass  # a port that is taken is said here, in one line
    argv = [sys.executable, "-m", "demo.world.server", "world"]
    with processes.running(argv, cwd=work, env=env, stdout=-1) as server:
        assert server.stdout is not None
        if not server.stdout.readline():
            raise InputError("the image server did not start", file=work / "world")
        yield lambda: server.poll() is None


def _short(part: str) -> str:
    """A command's word as a reader wants it: paths relative to the checkout."""
    if part == sys.executable:
        return "python"
    with contextlib.suppress(ValueError):
        return str(Path(part).relative_to(ROOT)) if os.path.isabs(part) else part
    return part
