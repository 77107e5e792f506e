"""`composer -n N train/main.py RUN.yaml`: train, or go on training, a run.

Started as a file, because that is what the `composer` launcher does; the repository's root then takes this folder's
place on the import path.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.errors import InputError

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

STAND_BY = 10.0
"""Seconds that the launcher may take to notice that a rank has ended; it looks ten times a second."""


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
    from common.errors import EXIT_BAD_INPUT, InputError  # the path is settled, and --help answered, before these

    first = os.environ.get("LOCAL_RANK", "0") == "0"
    try:
        from train.config.run_config import read_run

        run, schedule = read_run(options.run)
    except InputError as error:  # known before Composer has been imported, which takes ten times as long
        return _told(error, EXIT_BAD_INPUT, first)

    from train.callbacks.graceful_stop import EXIT_ASKED_TO_LEAVE, AskedToLeave
    from train.loader.errors import SourceError, reports
    from train.run.launch import launch

    try:
        launch(run, schedule)
    except AskedToLeave:
        return _told("asked to leave: saved; the same command goes on from here", EXIT_ASKED_TO_LEAVE, first)
    except SourceError as error:
        if not reports(error):
            stand_by(EXIT_BAD_INPUT if first else None)
            return EXIT_BAD_INPUT
        return _told(error, EXIT_BAD_INPUT, True)
    except InputError as error:
        return _told(error, EXIT_BAD_INPUT, first)
    return 0


def _told(what: InputError | str, status: int, at_once: bool) -> int:
    """Print it; ranks that do not end `at_once` stand by first. Returns `status`."""
    print(what if isinstance(what, str) else f"error: {what}", file=sys.stderr, flush=True)
    if not at_once:
        stand_by()
    return status


def stand_by(status: int | None = None) -> None:
    """Wait for the launcher to end this rank, because another has failed of the same; return if none has.

    Composer's launcher prints all that a rank has said, unless a signal ended it: ranks that fail alike would bury the
    one line that says why. Whoever fails alone is still heard, a little later.

    Args:
        status: to exit with when the launcher sends its signal; None: to be ended by it.
    """
    if "LOCAL_RANK" not in os.environ:
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL if status is None else lambda *_: os._exit(status))
    time.sleep(STAND_BY)


if __name__ == "__main__":
    sys.exit(main())
