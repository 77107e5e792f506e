"""`composer -n N train/main.py RUN.yaml`: train, or go on training, a run.

Started as a file, because that is what the `composer` launcher does; the repository's root then takes this folder's
place on the import path.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="composer -n N train/main.py",
        description="Train the run that RUN.yaml describes. If its output directory holds checkpoints, go on from the "
        "latest, whatever the number of ranks; the order of samples stays the schedule's.",
    )
    parser.add_argument("run", type=Path, metavar="RUN.yaml", help="run config: schedule, out, model, microbatch, ...")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = parse(arguments)
    from schemas.errors import EXIT_BAD_INPUT, InputError  # the path is settled, and --help answered, before these
    from train.callbacks.leaving import EXIT_ASKED_TO_LEAVE, AskedToLeave
    from train.launch import launch
    from train.loader.failure import reports

    try:
        launch(options.run)
    except AskedToLeave:
        if os.environ.get("RANK", "0") == "0":
            print("asked to leave: saved; the same command goes on from here", file=sys.stderr)
        return EXIT_ASKED_TO_LEAVE
    except InputError as error:
        if reports(error):
            print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
