"""Lists the stages of the study: the demo's data, held-out text, sweep, training with scoring, report.

A few runs are trained once more from their start, without sharing. The report compares the seconds of their steps with
those of the same runs in the tree: the difference is the time that sharing saves.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from demo.stages import ROOT, Stage, spark
from demo.stages import stages as demo_stages

DATA = ("world", "text", "download", "pairs", "conversations", "tower")
TASKS = ("vqav2", "gqa", "pope")
FOLDER = "study"
ALONE = f"{FOLDER}-alone"


@dataclass(frozen=True)
class Options:
    """Holds the settings of a study."""

    sweep: Path
    """Sweep file."""
    data: Path
    """Folder of the recipes of the data."""
    workers: int = 2
    threads: int = 1
    limit: int | None = None
    """Items of each task."""
    alone: int = 2
    """Runs to train once more without sharing."""


def stages(options: Options) -> list[Stage]:
    """Lists all commands, in order."""
    held_out = ROOT / "recipes/study/text-held-out.yaml"
    data = [stage for stage in demo_stages(options.data) if stage.name in DATA]
    scored = ("--evaluate", *TASKS, "--data", "world/held_out", "--bare", "--by", "likelihood",
              "--loss", "text=data/text-held-out")  # fmt: skip
    limit = ("--limit", str(options.limit)) if options.limit is not None else ()
    few = ("--alone", "--runs", str(options.alone))
    compared = ("--alone", ALONE) if options.alone else ()
    found = [
        Stage("text-held-out", "Spark packs text for the held-out loss", spark("text", held_out), held_out),
        *_sweep(options, FOLDER, "with shared trunks", (), (*scored, *limit)),
        *(_sweep(options, ALONE, "without sharing", few, ()) if options.alone else ()),
        Stage("report", "draw the figures", (sys.executable, "-m", "curriculum", "report", FOLDER, *compared)),
    ]
    # The data's stamps are the demo's own: `python -m demo.study demo-run` goes on from what the demo has made.
    recipes = _recipes(options)
    return [*data, *(replace(stage, also=recipes + json.dumps(stage.argv[1:])) for stage in found)]


def _sweep(options: Options, folder: str, says: str, expand: tuple[str, ...], score: tuple[str, ...]) -> list[Stage]:
    python = sys.executable
    write = (python, "-m", "curriculum", "sweep", str(options.sweep), "-o", folder, "--no-tree", *expand)
    train = (python, "-m", "train", "sweep", folder)
    shared = ("--workers", str(options.workers), "--threads", str(options.threads))
    return [
        Stage(f"{folder}-sweep", f"expand the sweep, {says}", write, options.sweep),
        Stage(f"{folder}-train", f"train the runs {says}", (*train, *shared, *score), options.sweep),
    ]


def _recipes(options: Options) -> str:
    """Digest of the study's recipes: a changed one runs again."""
    files = sorted([*(ROOT / "recipes/study").glob("*.yaml"), options.sweep])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
