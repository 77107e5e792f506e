"""Computes values with intervals from a sweep's runs: one table of configurations for each thing that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from curriculum.sweep_report.axes import FOLLOWS, GIVES_WAY, Axis, axes, fixed_totals, text
from curriculum.sweep_report.estimates import Estimates, estimate
from curriculum.sweep_report.item_scores import check_alike, row_losses, task_scores
from curriculum.sweep_report.preset_scores import halves, preset_scores
from curriculum.sweep_report.read_runs import Run, SweepRuns
from curriculum.sweep_report.stable_score import Groups, Signal, TaskScores, noise_filtered, stable
from schemas.score_preset import Half, Preset

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
    blind: Estimates | None = None
    """The same without images, where all runs were asked so too: what the text alone gives away."""


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
    preset: Preset | None = None
    """Whose tasks the stable scores are of; None for those that all runs were scored on."""

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
        if axis.name == "switch" and all(map(fixed_totals, self.settings)):
            following.add("image_share")
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


def analyse(sweep: SweepRuns, more_axes: Sequence[str] = (), preset: Preset | None = None) -> Analysis:
    """Group the runs by configuration, and estimate every measure.

    Raises:
        InputError: nothing was scored, runs were scored on other items, or a run lacks a task of the preset.
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
        check_alike(runs, task, sweep.folder)
    vision = [task_scores(runs, task, sweep.folder) for task in common if not task.startswith((TEXT, LOSS))]
    texts = [task_scores(runs, task, sweep.folder) for task in common if task.startswith(TEXT)]
    losses = [(task, *row_losses(runs, task, sweep.folder)) for task in common if task.startswith(LOSS)]
    by_preset: dict[Half, Estimates] = {}
    if preset is not None:
        by_preset = {half: preset_scores(preset, half, runs, groups, sweep.folder) for half in halves(preset, runs)}
    blind = _blind(runs, [task.task for task in vision], groups, sweep.folder, preset)
    measures, signals = measured(vision, texts, losses, groups, by_preset, blind)
    uneven = {task: names for task, names in lacking.items() if names}
    return Analysis(sweep, runs, settings, groups, axes(settings, more_axes), measures, signals, uneven, preset)


def measured(
    vision: Sequence[TaskScores],
    texts: Sequence[TaskScores],
    losses: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]],
    groups: Groups,
    by_preset: Mapping[Half, Estimates] = {},
    blind: Estimates | None = None,
) -> tuple[list[Measure], list[Signal]]:
    """All measures, averages over tasks first; `losses` are (name, nats per token [runs, rows], tokens [rows]).

    `by_preset` has stable scores in place of those over all tasks, `blind` those of vision tasks without images.
    """
    found: list[Measure] = []
    signals: list[Signal] = []
    parts: tuple[tuple[Half, Sequence[TaskScores]], ...] = (("vision", vision), ("text", texts))
    for kind, tasks in parts:
        if tasks:
            filtered, moves = noise_filtered(tasks, groups)
            signals += moves
            estimates = by_preset[kind] if kind in by_preset else stable(tasks, groups)
            found.append(Measure(f"stable score, {kind}", estimates, blind=blind if kind == "vision" else None))
            found.append(Measure(f"noise-filtered score, {kind}", filtered, unit="0 chance, 1 perfect"))
    found += [Measure(task.task, stable([task], groups)) for task in (*vision, *texts)]
    for name, rows, tokens in losses:
        estimates = estimate([(rows, tokens / max(tokens.sum(), 1.0))], groups)
        found.append(Measure(name, estimates, higher_is_better=False, unit="nats per token"))
    return found, signals


def _blind(
    runs: Sequence[Run], tasks: Sequence[str], groups: Groups, folder: Path, preset: Preset | None
) -> Estimates | None:
    """Stable scores of the vision tasks without images; None where a run was not asked all of them so."""
    if preset is not None:
        tasks = [part.task for part in preset.vision]
    if not tasks or any(task not in run.summaries(blind=True) for task in tasks for run in runs):
        return None
    if preset is not None:
        return preset_scores(preset, "vision", runs, groups, folder, blind=True)
    for task in tasks:
        check_alike(runs, task, folder, blind=True)
    return stable([task_scores(runs, task, folder, blind=True) for task in tasks], groups)
