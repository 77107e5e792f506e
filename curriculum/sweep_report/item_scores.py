"""Reads item scores of one task over all runs of a sweep, and checks that all were scored on the same items in one
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError
from curriculum.sweep_report.estimates import Floats
from curriculum.sweep_report.read_runs import Run
from curriculum.sweep_report.stable_score import TaskScores


def check_alike(runs: Sequence[Run], task: str, folder: Path, *, blind: bool = False) -> None:
    """Raise InputError unless all runs answered the same files in the same way."""
    first = runs[0].summaries(blind)[task]
    for run in runs:
        found = run.summaries(blind)[task]
        known = bool(found.asked and first.asked)  # results of older versions do not say
        how = found.answers_by == first.answers_by and (found.asked == first.asked or not known)
        if not (how and found.files == first.files):
            what = "on other files" if how else "with other options"
            problem = f"'{task}': '{run.name}' and '{runs[0].name}' were scored {what}"
            raise InputError(problem, file=folder, remedy="evaluate all runs with the same options and files")


def task_scores(
    runs: Sequence[Run], task: str, folder: Path, *, blind: bool = False, group: str | None = None
) -> TaskScores:
    """Scores of a task's items, of all or of one group.

    Raises:
        InputError: a file is damaged, or runs were scored on other items.
    """
    rows = [run.item_scores(task, blind=blind, group=group) for run in runs]
    _check_items(runs, rows, task, folder)
    scores = np.array([[row[item] for item in rows[0]] for row in rows])
    return TaskScores(task, runs[0].summaries(blind)[task].chance, scores)


def row_losses(runs: Sequence[Run], task: str, folder: Path) -> tuple[Floats, Floats]:
    """Losses per token [runs, rows], and tokens of each row [rows].

    Raises:
        InputError: a file is damaged, or runs were scored on other rows.
    """
    rows = [run.item_losses(task) for run in runs]
    _check_items(runs, [{(name, tokens): loss for name, (loss, tokens) in row.items()} for row in rows], task, folder)
    losses = np.array([[row[item][0] for item in rows[0]] for row in rows])
    return losses, np.array([tokens for _, tokens in rows[0].values()], np.float64)


def _check_items(runs: Sequence[Run], rows: Sequence[dict[Any, float]], task: str, folder: Path) -> None:
    for run, row in zip(runs, rows, strict=True):
        if row.keys() != rows[0].keys():
            problem = f"'{run.name}' and '{runs[0].name}' were scored on different items of '{task}'"
            raise InputError(problem, file=folder, remedy="evaluate all runs with the same --limit and files")
