"""`make study`: answers when images should come in, and how many, by the paper's sweep on the generated world.

The data are made as in the demo. A small model is trained for every switch point, image share and seed (stretches that
runs share are trained once), and every run is scored on official-format tasks. A few runs are trained alone, to measure
the time that sharing saves. The report is WORK/study/report.html. A study that was killed goes on when it is started
again. On two CPU cores the full
size takes an hour or two; `--sweep` names smaller ones. Exit status: 0 done, 1 a stage failed, 2 bad input, 130
interrupted.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from common.errors import InputError, exit_code
from demo import pipeline
from demo.stages import ROOT
from demo.study.stages import FOLDER, Options, stages


def main(argv: list[str] | None = None) -> int:
    """Parses the command line and runs the stages."""
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
    parser.add_argument(
        "--alone", type=int, default=2, metavar="N",
        help="train N runs once more without sharing, to measure what it saves (default: 2; a large N: all)",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="print the commands and stop")
    args = parser.parse_args(argv)
    for path in (args.sweep, args.data / "world.yaml"):
        if not path.is_file():
            raise InputError("no such recipe", file=path, remedy="see recipes/study and recipes/demo")
    for name in ("workers", "threads", "limit"):
        if getattr(args, name) < 1:
            raise InputError("must be at least 1", field=f"--{name}")
    if args.alone < 0:
        raise InputError("must not be negative", field="--alone")
    options = Options(args.sweep.resolve(), args.data.resolve(), args.workers, args.threads, args.limit, args.alone)
    if args.dry_run:
        pipeline.show(stages(options))
        return 0

    def finish() -> int:
        print(f"report: {args.work / FOLDER / 'report.html'}")
        return 0

    again = shlex.join(["python", "-m", "demo.study", *(argv or sys.argv[1:])])
    return pipeline.run(args.work, stages(options), again, finish)


if __name__ == "__main__":
    sys.exit(exit_code(main))
