"""The stages of the study: the demo's data, held-out text, then sweep, training with scoring, report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from demo.stages import ROOT, Stage, spark
from demo.stages import stages as demo_stages

DATA = ("world", "text", "download", "pairs", "conversations")
TASKS = ("vqav2", "gqa", "pope", "refcoco")
FOLDER = "study"


@dataclass(frozen=True)
class Options:
    """What a study is made of."""

    sweep: Path
    """Sweep file."""
    data: Path
    """Folder of the recipes of the data."""
    workers: int = 2
    threads: int = 1
    limit: int | None = None
    """Items of each task."""
    alone: bool = False
    """Train the runs once more without sharing, to measure what sharing saves."""


def stages(options: Options) -> list[Stage]:
    """All commands, in order."""
    python = sys.executable
    held_out = ROOT / "recipes/study/text-held-out.yaml"
    found = [stage for stage in demo_stages(options.data) if stage.name in DATA]
    found.append(Stage("text-held-out", "Spark packs text for the held-out loss", spark("text", held_out), held_out))
    found += _sweep(options, FOLDER, ("--evaluate", *TASKS, "--data", "world/held_out", "--bare", "--by", "likelihood"))
    report = (python, "-m", "curriculum", "report", FOLDER)
    found.append(Stage("report", "draw the figures", report))
    if options.alone:
        found += _sweep(options, f"{FOLDER}-alone", ())
    return found


def _sweep(options: Options, folder: str, scoring: tuple[str, ...]) -> list[Stage]:
    python = sys.executable
    alone = folder != FOLDER
    write = (python, "-m", "curriculum", "sweep", str(options.sweep), "-o", folder, "--no-tree")
    train = (
        python,
        "-m",
        "train",
        "sweep",
        folder,
        "--workers",
        str(options.workers),
        "--threads",
        str(options.threads),
    )
    losses = ("--loss", "text=data/text-held-out") if scoring else ()
    limit = ("--limit", str(options.limit)) if scoring and options.limit is not None else ()
    says = "without sharing" if alone else "with shared trunks"
    return [
        Stage(
            f"{folder}-sweep", f"expand the sweep, {says}", (*write, *(("--alone",) if alone else ())), options.sweep
        ),
        Stage(f"{folder}-train", f"train the runs {says}", (*train, *scoring, *losses, *limit), options.sweep),
    ]
