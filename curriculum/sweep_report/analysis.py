"""From a sweep's runs to values with intervals: one table of configurations for each thing that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from curriculum.sweep_report.axes import FOLLOWS, GIVES_WAY, Axis, axes, text
from curriculum.sweep_report.estimates import Estimates, estimate
from curriculum.sweep_report.read_runs import Run, SweepRuns
from curriculum.sweep_report.stable_score import Groups, Signal, TaskScores, noise_filtered, stable

TEXT = "lm-eval-"
LOSS = "loss-"


@dataclass(frozen=True)
class Measure:
    """Something that every configuration has a value of."""

    name: str
    estimates: Estimates | None
    """None for a noise-filtered score of which no task moves above its noise."""
    higher_is_better: bool = True
    unit: str = "score above chance"


@dataclass(frozen=True)
class Analysis:
    """A sweep, ready to be drawn."""

    sweep: SweepRuns
    runs: list[Run]
    """Scored runs."""
    settings: list[dict[str, Any]]
    """Of each configuration, without the seed."""
    groups: list[list[int]]
    """Run numbers of each configuration."""
    axes: list[Axis]
    measures: list[Measure]
    signals: list[Signal]
    uneven: dict[str, list[str]] = field(default_factory=dict)
    """Tasks that some scored runs lack, and so are left out of all but the runs' table: names of those runs."""

    def measure(self, name: str) -> Measure | None:
        """The measure called `name`."""
        return next((one for one in self.measures if one.name == name), None)

    def where(self, test: Callable[[dict[str, Any]], bool]) -> list[int]:
        """Numbers of the configurations whose settings pass `test`."""
        return [number for number, settings in enumerate(self.settings) if test(settings)]

    def others(self, axis: Axis) -> list[Axis]:
        """The other axes, without the one that only follows this one."""
        following = {FOLLOWS.get(axis.name)}
        if (payer := GIVES_WAY.get(axis.name)) is not None:
            pairs = {(text(one, axis.name), text(one, payer)) for one in self.settings}
            following |= {payer} if len(pairs) == len(axis.values) else set()
        return [one for one in self.axes if one.name not in {axis.name, *following}]

    @property
    def no_axes(self) -> list[str]:
        """Parameters that have more than one value and are drawn only on request."""
        drawn = {name for axis in self.axes for name in (axis.name, FOLLOWS.get(axis.name))}
        names = dict.fromkeys(name for settings in self.settings for name in settings)
        return [n for n in names if n not in drawn and len({text(one, n) for one in self.settings}) > 1]

    def value_of(self, number: int, axis: Axis) -> str:
        """A configuration's value on an axis."""
        return text(self.settings[number], axis.name)


def analyse(sweep: SweepRuns, more_axes: Sequence[str] = ()) -> Analysis:
    """Group the runs by configuration, and estimate every measure.

    Raises:
        InputError: nothing was scored, or runs were scored on other items.
    """
    runs = sweep.scored
    if not runs:
        remedy = f"evaluate runs into {sweep.folder}/nodes/NODE/scores, as `python -m train sweep --evaluate` does"
        raise InputError("no run has been scored yet", file=sweep.folder, remedy=remedy)
    for name in more_axes:
        if not any(name in run.settings for run in sweep.runs):
            known = ", ".join(sorted({key for run in sweep.runs for key in run.settings})) or "none"
            raise InputError(f"--axis {name}: no run sets it", file=sweep.folder, remedy=f"name one of: {known}")
    by_config: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        by_config.setdefault(run.config, []).append(number)
    groups = list(by_config.values())
    settings = [{k: v for k, v in runs[group[0]].settings.items() if k != "seed"} for group in groups]
    lacking = {
        task: [run.name for run in runs if task not in run.tasks]
        for task in dict.fromkeys(task for run in runs for task in run.tasks)
    }
    common = [task for task, names in lacking.items() if not names]
    for task in common:
        _check_alike(runs, task, sweep.folder)
    vision = [_scores(runs, task, sweep.folder) for task in common if not task.startswith((TEXT, LOSS))]
    texts = [_scores(runs, task, sweep.folder) for task in common if task.startswith(TEXT)]
    losses = [(task, *_losses(runs, task, sweep.folder)) for task in common if task.startswith(LOSS)]
    measures, signals = measured(vision, texts, losses, groups)
    uneven = {task: names for task, names in lacking.items() if names}
    return Analysis(sweep, runs, settings, groups, axes(settings, more_axes), measures, signals, uneven)


def measured(
    vision: Sequence[TaskScores],
    texts: Sequence[TaskScores],
    losses: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]],
    groups: Groups,
) -> tuple[list[Measure], list[Signal]]:
    """All measures, averages over tasks first; `losses` are (name, nats per token [runs, rows], tokens [rows])."""
    found: list[Measure] = []
    signals: list[Signal] = []
    for kind, tasks in (("vision", vision), ("text", texts)):
        if tasks:
            filtered, moves = noise_filtered(tasks, groups)
            signals += moves
            found.append(Measure(f"stable score, {kind}", stable(tasks, groups)))
            found.append(Measure(f"noise-filtered score, {kind}", filtered, unit="0 chance, 1 perfect"))
    found += [Measure(task.task, stable([task], groups)) for task in (*vision, *texts)]
    for name, rows, tokens in losses:
        estimates = estimate([(rows, tokens / max(tokens.sum(), 1.0))], groups)
        found.append(Measure(name, estimates, higher_is_better=False, unit="nats per token"))
    return found, signals


def _check_alike(runs: Sequence[Run], task: str, folder: Path) -> None:
    """Raise InputError unless all runs answered the same files in the same way."""
    first = runs[0].tasks[task]
    for run in runs:
        found = run.tasks[task]
        known = bool(found.asked and first.asked)  # results of older versions do not say
        how = found.answers_by == first.answers_by and (found.asked == first.asked or not known)
        if not (how and found.files == first.files):
            what = "on other files" if how else "with other options"
            problem = f"'{task}': '{run.name}' and '{runs[0].name}' were scored {what}"
            raise InputError(problem, file=folder, remedy="evaluate all runs with the same options and files")


def _scores(runs: Sequence[Run], task: str, folder: Path) -> TaskScores:
    rows = [run.item_scores(task) for run in runs]
    _check_items(runs, rows, task, folder)
    scores = np.array([[row[item] for item in rows[0]] for row in rows])
    return TaskScores(task, runs[0].tasks[task].chance, scores)


def _losses(runs: Sequence[Run], task: str, folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Losses per token [runs, rows], and tokens of each row [rows]."""
    rows = [run.item_losses(task) for run in runs]
    _check_items(runs, [{(name, tokens): loss for name, (loss, tokens) in row.items()} for row in rows], task, folder)
    losses = np.array([[row[item][0] for item in rows[0]] for row in rows])
    return losses, np.array([tokens for _, tokens in rows[0].values()], np.float64)


def _check_items(runs: Sequence[Run], rows: Sequence[dict[Any, float]], task: str, folder: Path) -> None:
    for run, row in zip(runs, rows, strict=True):
        if row.keys() != rows[0].keys():
            problem = f"'{run.name}' and '{runs[0].name}' were scored on different items of '{task}'"
            raise InputError(problem, file=folder, remedy="evaluate all runs with the same --limit and files")
