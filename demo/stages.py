"""The stages of the demo: which commands, in which order, and which of them are done already.

A stage's stamp covers its command, the recipe that it reads and the stamps of all stages before it, so a changed
recipe runs again from there on and nothing else does. Within a stage the command itself goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from common import yaml_file

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Stage:
    """One command, run with the work folder as current directory."""

    name: str
    says: str
    argv: tuple[str, ...]
    recipe: Path | None = None
    fetched: str = ""
    """Folder, below the work folder, of what it fetches from the world's image server, which is up meanwhile."""
    also: str = ""
    """What its stamp covers besides its command's words and its recipe."""


def spark(job: str, recipe: Path) -> tuple[str, ...]:
    """The `spark-submit` command for one of `dataprep/jobs`."""
    master = "local[2]"
    return ("spark-submit", "--master", master, str(ROOT / f"dataprep/jobs/{job}.py"), str(recipe))


def compose(recipe: Path, ranks: int = 2) -> tuple[str, ...]:
    """The `composer` command for one run."""
    return ("composer", "-n", str(ranks), str(ROOT / "train/main.py"), str(recipe))


def stages(recipes: Path) -> list[Stage]:
    """The pipeline, in order, with the recipes of the folder `recipes`."""
    python = sys.executable
    world = recipes / "world.yaml"
    generate = (python, "-m", "demo.world", "world", *_options(world))
    found = [Stage("world", "generate the sample world", generate, world)]
    for name, says in (
        ("text", "Spark tokenizes and packs the text"),
        ("download", "Spark downloads the images"),
        ("pairs", "Spark packs the image-text pairs"),
        ("conversations", "Spark packs the conversations"),
        ("tower", "teach the vision tower"),  # before what the study does without: it takes up what stands here
        ("conversations-text", "Spark packs the conversations without their images, for the baseline"),
    ):
        recipe, job = recipes / f"{name}.yaml", name.partition("-")[0]
        fetched = str(yaml_file.compose(recipe)[0]["out"]) if job == "download" else ""
        argv = (python, "-m", "demo.tower", str(recipe)) if name == "tower" else spark(job, recipe)
        found.append(Stage(name, says, argv, recipe, fetched))
    for run, says in (("curriculum", "with images"), ("baseline", "text only, the same trunk")):
        recipe, train = recipes / f"{run}.yaml", recipes / f"{run}-run.yaml"
        schedule = f"runs/{run}/schedule.json"
        compile_ = (python, "-m", "curriculum", "compile", str(recipe), "-o", schedule)
        evaluate = (python, "-m", "train", "evaluate", f"runs/{run}", "--tasks", "questions=world/held_out")
        blind = ("--blind",) if run == "baseline" else ()
        found += [
            Stage(f"{run}-compile", f"compile the curriculum ({says})", compile_, recipe),
            Stage(f"{run}-train", f"train ({says})", compose(train), train),
            Stage(f"{run}-score", f"held-out questions ({says})", (*evaluate, *blind, "-o", f"runs/{run}/scores")),
        ]
    return found


def _options(world: Path) -> list[str]:
    """`world.yaml` as command-line options."""
    return [part for key, value in yaml_file.compose(world)[0].items() for part in (f"--{key}", str(value))]


def stamp(stage: Stage, before: str) -> str:
    """Identity of a stage's work, given the stamp of the stage before it."""
    recipe = _texts(stage.recipe) if stage.recipe else []
    text = json.dumps([before + stage.also, stage.name, [Path(part).name for part in stage.argv], recipe])
    return hashlib.sha256(text.encode()).hexdigest()


def _texts(recipe: Path) -> list[str]:
    """The recipe, and what it extends."""
    base = yaml_file.compose(recipe)[0].get("extends")
    return [recipe.read_text(encoding="utf-8"), *(_texts(recipe.parent / base) if base else [])]
