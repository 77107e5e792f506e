"""Trains, or goes on training, a run: `composer -n N train/main.py RUN.yaml`.

Started as a file, because that is what the `composer` launcher does; the repository's root then takes this folder's
place on the import path, unless the package is installed and on it already.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):
    _root = str(Path(__file__).resolve().parent.parent)
    # Installed packages lie behind the standard library, which their neighbours must not shadow.
    sys.path[0:1] = [] if _root in map(os.path.realpath, sys.path[1:]) else [_root]

if TYPE_CHECKING:
    from train.run.last_words import LastWords


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parses the command line."""
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
    from common import heartbeat  # the path is settled, and --help answered, before these
    from train.run.last_words import LastWords

    words = LastWords()
    if os.environ.get("RANK", "0") != "0":
        return _train(options.run, words)
    with heartbeat.beating("reading the run's config and schedule", soon=True):
        return _train(options.run, words)


def _train(path: Path, words: LastWords) -> int:
    from common import heartbeat
    from common.errors import InputError

    try:
        from train.config.run_config import read_run

        run, schedule = read_run(path)
    except InputError as error:  # known before Composer has been imported, which takes ten times as long
        words.say(error)
        return words.end()

    heartbeat.at("importing Composer")
    from train.callbacks.graceful_stop import EXIT_ASKED_TO_LEAVE, AskedToLeave
    from train.run.launch import launch

    try:
        launch(run, schedule, words.say)
    except AskedToLeave:
        words.take_leave("asked to leave: saved; the same command goes on from here", EXIT_ASKED_TO_LEAVE)
    except SystemExit as asked:  # Composer's answer to a signal before training begins
        if asked.code:
            status = asked.code if isinstance(asked.code, int) else 1
            words.take_leave(f"left with status {asked.code} before training began", status)
    except Exception as error:
        words.say(error)
    return words.end()


if __name__ == "__main__":
    sys.exit(main())
