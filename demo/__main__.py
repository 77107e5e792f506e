"""`make demo`: from raw data to a trained model and a report, with the commands that a user would type.

Each stage is one command in a work folder; interrupt it or kill anything, start again, and it goes on. Exit status: 0
when the model with images clearly beats the text-only one, 3 when it does not, 1 when a stage failed, 2 for bad
input, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from rich.console import Console

from common.errors import InputError, exit_code
from demo import pipeline, report
from demo.seeds import reseeded
from demo.stages import ROOT, stages

EXIT_NOT_BETTER = 3


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
    parser.add_argument("--seed", type=int, metavar="N", help="of everything (default: the recipes' own)")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and stop")
    args = parser.parse_args(argv)
    recipes = args.recipes.resolve()
    if not (recipes / "world.yaml").is_file():
        raise InputError("no world.yaml here", file=args.recipes, remedy="name a folder such as recipes/demo")
    if args.seed is not None:
        if args.seed < 0:
            raise InputError("must not be negative", field="--seed")
        recipes = reseeded(recipes, args.seed, args.work.resolve() / "recipes")
    todo = stages(recipes)
    if args.dry_run:
        pipeline.show(todo)
        return 0

    def finish() -> int:
        return 0 if report.write(args.work, Console(highlight=False)) else EXIT_NOT_BETTER

    again = shlex.join(["python", "-m", "demo", *(argv or sys.argv[1:])])
    return pipeline.run(args.work, todo, again, finish)


if __name__ == "__main__":
    sys.exit(exit_code(main))
