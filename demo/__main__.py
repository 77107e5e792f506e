"""`make demo`: from raw data to a trained model and a report, with the commands that a user would type.

Each stage is one command in a work folder; interrupt it or kill anything, start again, and it goes on. Exit status: 0
when the model with images clearly beats the text-only one, 3 when it does not, 1 when a stage failed, 2 for bad
input, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from demo import processes, report
from demo.lock import exclusive
from demo.stages import ROOT, stages, stamp
from schemas.errors import InputError, exit_code

EXIT_FAILED, EXIT_NOT_BETTER, EXIT_INTERRUPTED = 1, 3, 130

console = Console(stderr=True, highlight=False, soft_wrap=True)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the stages."""
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description=__doc__,
        epilog="example: python -m demo demo-run; then open demo-run/report.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("work", type=Path, help="folder for everything that the demo writes")
    parser.add_argument(
        "--recipes", type=Path, default=ROOT / "recipes/demo", help="folder of the YAML files (default: recipes/demo)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands and stop")
    args = parser.parse_args(argv)
    recipes = args.recipes.resolve()
    if not (recipes / "world.yaml").is_file():
        raise InputError("no world.yaml here", file=args.recipes, remedy="name a folder such as recipes/demo")
    if args.dry_run:
        for stage in stages(recipes):
            print(f"# {stage.says}\n{shlex.join(stage.argv)}")
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with exclusive(args.work):
            return _run(args.work, recipes)
    except KeyboardInterrupt:
        console.print(f"interrupted; start again to go on: python -m demo {shlex.quote(str(args.work))}")
        return EXIT_INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _run(work: Path, recipes: Path) -> int:
    if left := processes.end_leftovers(work):
        console.print(f"ended {left} processes that an earlier, killed run had left")
    env = processes.environment(work)
    todo = stages(recipes)
    before, started = "", time.monotonic()
    for number, stage in enumerate(todo, 1):
        before = stamp(stage, before)
        done = work / ".stages" / stage.name
        title = f"[bold]{number}/{len(todo)}[/bold] {stage.says}"
        if done.is_file() and done.read_text().split()[0] == before:
            console.print(f"{title}: done before")
            continue
        console.print(f"{title}  [dim]{shlex.join(map(_short, stage.argv))}[/dim]")
        begun = time.monotonic()
        with images(work, env, wanted=stage.needs_images):
            status = processes.run(stage.argv, cwd=work, env=env)
        if status != 0:
            console.print(f"[red]stage '{stage.name}' ended with status {status}[/red]; mend it, start again to go on")
            return EXIT_FAILED
        mark(done, f"{before} {time.monotonic() - begun:.1f}\n")
        console.print(f"{title}: {time.monotonic() - begun:.0f} s")
    console.print(f"all stages done after {time.monotonic() - started:.0f} s in this run")
    verdict = report.write(work, Console(highlight=False))
    return 0 if verdict else EXIT_NOT_BETTER


@contextlib.contextmanager
def images(work: Path, env: dict[str, str], *, wanted: bool) -> Iterator[None]:
    """The world's images served on loopback while the block runs, if they are wanted."""
    if not wanted:
        yield
        return
    argv = [sys.executable, "-m", "demo.world.server", "world"]
    with processes.running(argv, cwd=work, env=env, stdout=-1) as server:
        assert server.stdout is not None
        if not server.stdout.readline():
            raise InputError("the image server did not start", file=work / "world")
        yield


def mark(path: Path, text: str) -> None:
    """Write a stage's stamp."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def _short(part: str) -> str:
    """A command's word as a reader wants it: paths relative to the checkout."""
    if part == sys.executable:
        return "python"
    with contextlib.suppress(ValueError):
        return str(Path(part).relative_to(ROOT)) if os.path.isabs(part) else part
    return part


if __name__ == "__main__":
    sys.exit(exit_code(main))
