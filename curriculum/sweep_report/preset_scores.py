"""Computes stable scores of a sweep's runs by a named preset: its fixed tasks, its chances, its figure of each task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curriculum.sweep_report.estimates import Estimates, estimate
from curriculum.sweep_report.item_scores import check_alike, task_scores
from curriculum.sweep_report.read_runs import SCORES, Run
from curriculum.sweep_report.stable_score import Groups
from schemas.results import RESULTS_NAME
from schemas.score_preset import Half, Preset


def halves(preset: Preset, runs: Sequence[Run]) -> list[Half]:
    """Vision, text, or both: those of whose tasks some run has scores. Vision if there are none at all."""
    both: tuple[Half, ...] = ("vision", "text")
    found = [half for half in both if any(part.task in run.tasks for run in runs for part in preset.parts(half))]
    return found or ["vision"]


def preset_scores(
    preset: Preset, half: Half, runs: Sequence[Run], groups: Groups, folder: Path, *, blind: bool = False
) -> Estimates:
    """Stable scores of the configurations.

    Raises:
        InputError: a run lacks a task of the preset, was asked in another way, or on other items.
    """
    places = [run.folder / SCORES / RESULTS_NAME for run in runs]
    scores = [preset.stable(run.summaries(blind), half, place) for run, place in zip(runs, places, strict=True)]
    items = []
    for part in preset.parts(half):
        check_alike(runs, part.task, folder, blind=blind)
        group = part.value.removeprefix("groups/") if part.value.startswith("groups/") else None
        found = task_scores(runs, part.task, folder, blind=blind, group=group)
        items.append((found.items, found.weights))
    return estimate(items, groups, np.array(scores))


def said(preset: Preset, half: Half) -> str:
    """The preset's tasks and chances."""
    return ", ".join(f"{part.task} {part.value} - {part.chance:g}" for part in preset.parts(half))
