"""`make study`: when should images come in, and how many? The paper's sweep on the generated world.

Makes the data as the demo does, trains a small model for every switch point, image share and seed (stretches that runs
share are trained once), scores every run on official-format tasks, and draws the report: WORK/study/report.html. Kill
it, start it again, and it goes on. On two CPU cores the full size takes an hour or two; `--sweep` names smaller ones.
Exit status: 0 done, 1 a stage failed, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from demo import processes
from demo.__main__ import EXIT_FAILED, EXIT_INTERRUPTED, console, images, mark
from demo.lock import exclusive
from demo.stages import ROOT, stamp
from demo.study.stages import DATA, FOLDER, Options, stages
from schemas.errors import InputError, exit_code


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the stages."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.study", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python -m demo.study study-run --sweep recipes/study/sweeps/reduced.yaml",
    )  # fmt: skip
    recipes = ROOT / "recipes"
    parser.add_argument("work", type=Path, help="folder for everything that the study writes")
    parser.add_argument("--sweep", type=Path, default=recipes / "study/sweeps/study.yaml", help="which runs")
    parser.add_argument("--data", type=Path, default=recipes / "demo", help="folder of the data's recipes")
    parser.add_argument("--workers", type=int, default=2, help="runs trained at once (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each (default: 1)")
    parser.add_argument("--limit", type=int, default=300, help="items of each task (default: 300)")
    parser.add_argument("--measure-sharing", action="store_true", help="train all runs once more without sharing")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and stop")
    args = parser.parse_args(argv)
    for path in (args.sweep, args.data / "world.yaml"):
        if not path.is_file():
            raise InputError("no such recipe", file=path, remedy="see recipes/study and recipes/demo")
    options = Options(
        args.sweep.resolve(), args.data.resolve(), args.workers, args.threads, args.limit, args.measure_sharing
    )
    if args.dry_run:
        for stage in stages(options):
            print(f"# {stage.says}\n{shlex.join(stage.argv)}")
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with exclusive(args.work):
            return run(args.work, options)
    except KeyboardInterrupt:
        console.print("interrupted; start again to go on")
        return EXIT_INTERRUPTED


def run(work: Path, options: Options) -> int:
    """Run what is not done yet."""
    if left := processes.end_leftovers(work):
        console.print(f"ended {left} processes that an earlier, killed run had left")
    env = processes.environment(work)
    todo = stages(options)
    before, recipes = "", _recipes(options)
    for number, stage in enumerate(todo, 1):
        # The data's stamps are the demo's own: `python -m demo.study demo-run` goes on from what the demo has made.
        before = stamp(stage, before if stage.name in DATA else before + recipes + json.dumps(stage.argv[1:]))
        done = work / ".stages" / stage.name
        title = f"[bold]{number}/{len(todo)}[/bold] {stage.says}"
        if done.is_file() and done.read_text().split()[0] == before:
            console.print(f"{title}: done before")
            continue
        begun = time.monotonic()
        console.print(title)
        with images(work, env, wanted=stage.needs_images):
            status = processes.run(stage.argv, cwd=work, env=env)
        if status != 0:
            console.print(f"[red]stage '{stage.name}' ended with status {status}[/red]; mend it, start again to go on")
            return EXIT_FAILED
        mark(done, f"{before} {time.monotonic() - begun:.1f}\n")
        console.print(f"{title}: {time.monotonic() - begun:.0f} s")
    print(f"report: {work / FOLDER / 'report.html'}")
    if options.alone:
        print(sharing(work))
    return 0


def sharing(work: Path) -> str:
    """What shared trunks saved, as measured: the steps' seconds of both trainings on this machine."""
    spent = [_trained(work / folder) for folder in (FOLDER, f"{FOLDER}-alone")]
    (tokens, seconds), (alone_tokens, alone_seconds) = spent
    return (
        f"shared trunks: {tokens:,} tokens in {seconds:.0f} s of steps; every run alone: {alone_tokens:,} tokens in "
        f"{alone_seconds:.0f} s; saved {1 - tokens / alone_tokens:.0%} of tokens, "
        f"{1 - seconds / alone_seconds:.0%} of time"
    )


def _trained(folder: Path) -> tuple[int, float]:
    """Tokens and seconds of all steps below a sweep's folder."""
    tokens, seconds = 0, 0.0
    for node in json.loads((folder / "sweep.json").read_bytes())["nodes"]:
        tokens += node["tokens"]
        log = folder / "nodes" / node["id"] / "out/metrics.jsonl"
        seconds += sum(json.loads(line)["seconds"] for line in log.read_text(encoding="utf-8").splitlines())
    return tokens, seconds


def _recipes(options: Options) -> str:
    """Digest of the study's recipes: a changed one runs again."""
    files = sorted([*(ROOT / "recipes/study").glob("*.yaml"), options.sweep])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(exit_code(main))
