"""Defines the arguments that say how models are scored, the same in `evaluate` and `sweep`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from schemas.score_preset import PRESETS, Preset, preset_named
from train.evaluation.text_tasks import with_shots


def add_scoring_arguments(parser: argparse.ArgumentParser, tasks: str) -> None:
    """Add them; `tasks` is the option that lists the vision tasks."""
    add = parser.add_argument
    add(tasks, nargs="+", default=[], dest="tasks", metavar="TASK[=PLACE]", help="vision tasks; `paper`: the preset's")
    add("--data", type=Path, default=Path(), help="folder of the tasks' folders (default: here)")
    add("--text", nargs="+", default=[], metavar="TASK[:SHOTS]", help="text tasks of lm-eval; `paper`: the preset's")
    add("--text-include", type=Path, metavar="FOLDER", help="lm-eval task files of your own")
    add("--text-shots", type=int, help="examples before each text question (default: the task's own)")
    add("--loss", nargs="+", default=[], metavar="NAME=DATASET", help="held-out loss on MDS datasets")
    add("--preset", metavar="NAME", help="all tasks, rules and splits of a preset; its stable scores are printed")
    add("--by", choices=["generation", "likelihood"], help="how multiple-choice items (pope) are answered")
    add("--bare", action="store_true", help="leave the tasks' instruction lines out of the prompts")
    add("--rule", choices=["official", "vlm-evaluation", "normalised", "letter"],
        help="how answers are scored, by tasks that know the rule (default: official)")  # fmt: skip
    add("--box-frame", default="image", choices=["image", "square"],
        help="what corners of boxes are shares of: the image, or the square that it is padded to")  # fmt: skip
    add("--only", nargs="+", default=[], metavar="TASK=PART[,PART]", help="ask these splits of a task alone")
    add("--limit", type=int, help="only the first items of each task")


@dataclass(frozen=True)
class ScoringChoice:
    """Holds what the arguments come to."""

    tasks: tuple[tuple[str, Path], ...]
    text: tuple[str, ...]
    losses: tuple[tuple[str, Path], ...]
    by: str
    rule: str
    only: dict[str, tuple[str, ...]]
    preset: Preset | None


def scoring_choice(args: argparse.Namespace) -> ScoringChoice:
    """Tasks with their places, rules and splits, those of a preset included.

    Raises:
        InputError: an unknown preset, or an argument that is not NAME=PLACE.
    """
    preset = preset_named(args.preset) if args.preset else None
    named = [preset.name] if preset else []
    text = tuple(dict.fromkeys(_spread([*named, *args.text], "text_tasks")))
    for one in text:  # a mistake is told before anything is trained or scored
        with_shots(one)
    tasks = dict(pair(one, args.data) for one in _spread([*named, *args.tasks], "vision_tasks"))
    return ScoringChoice(
        tuple(tasks.items()),
        text,
        tuple(pair(one, None) for one in args.loss),
        args.by or (preset.by if preset else "generation"),
        args.rule or (preset.rule if preset else "official"),
        {**(preset.only if preset else {}), **parts(args.only)},
        preset,
    )


def _spread(names: list[str], half: str) -> list[str]:
    """Names with those of presets spread out."""
    found: list[str] = []
    for name in names:
        found += getattr(PRESETS[name], half) if name in PRESETS else [name]
    return found


def parts(texts: list[str]) -> dict[str, tuple[str, ...]]:
    """`TASK=PART,PART` as parts by task."""
    found = {}
    for text in texts:
        name, equals, names = text.partition("=")
        if not equals or not names:
            raise InputError(f"{text} is not TASK=PART", field="--only", remedy="write --only refcoco=val")
        found[name] = tuple(names.split(","))
    return found


def pair(text: str, data: Path | None) -> tuple[str, Path]:
    """`NAME=PLACE` (a folder or a file); without a place it is `data`/NAME."""
    name, equals, place = text.partition("=")
    if not equals and data is None:
        raise InputError(f"{text} is not NAME=DATASET", field="--loss", remedy="write --loss text=data/held-out")
    return name, Path(place) if equals else (data or Path()) / name
