r"""Computes two averages over tasks: the paper's stable score, and one over the tasks that carry a signal.

For a task t with chance level c, and a run's score s:

    stable score          = mean over all tasks of (s - c), as the paper's authors compute it
    noise-filtered score  = mean over the kept tasks of x = (s - c) / (1 - c), where 1 is perfect

Runs that differ in their seed alone are one configuration; its value is the mean over its m seeds.

    noise(t)^2     = pooled variance of x between seeds of one configuration, divided by the (harmonic) mean of m;
                     where no configuration has two seeds: the items' sampling variance of x instead
    movement(t)^2  = variance of the configurations' values
    t is kept      if movement(t) > SIGNAL x noise(t)

Findings are tried on the stable score, whose tasks are fixed: keeping the tasks that moved and then asking whether they
moved would answer yes too often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curriculum.sweep_report.estimates import Estimates, Floats, averages, between_seeds, estimate, freedom

SIGNAL = 2.0
"""How far above noise a task has to move."""

Groups = Sequence[Sequence[int]]
"""Run numbers of each configuration."""


@dataclass(frozen=True)
class TaskScores:
    """One task over all runs."""

    task: str
    chance: float
    items: Floats
    """[runs, items]: 0 to 1."""

    @property
    def weights(self) -> Floats:
        """[items]: all count alike."""
        return np.full(self.items.shape[1], 1 / self.items.shape[1])

    @property
    def above_chance(self) -> Floats:
        """[runs, items]: score - chance."""
        return self.items - self.chance

    @property
    def centred(self) -> Floats:
        """[runs, items]: means of 0 are chance, of 1 perfect."""
        return (self.items - self.chance) / (1 - self.chance)


@dataclass(frozen=True)
class Signal:
    """Whether a task moves above noise."""

    task: str
    movement: float
    noise: float

    @property
    def kept(self) -> bool:
        """True if the task moves more than `SIGNAL` times its noise."""
        return self.movement > max(SIGNAL * self.noise, 1e-12)


def signal(scores: TaskScores, groups: Groups) -> Signal:
    """How far `scores` moves between configurations, and its noise."""
    centred = scores.centred
    x = centred.mean(axis=1)
    if freedom(groups):
        seeds = len(groups) / sum(1 / len(group) for group in groups)
        noise = (between_seeds(x, groups) / seeds) ** 0.5
    else:
        count = centred.shape[1]
        noise = float((centred.var(axis=1, ddof=1 if count > 1 else 0) / count).mean()) ** 0.5
    movement = float((averages(groups) @ x).std(ddof=1)) if len(groups) > 1 else 0.0
    return Signal(scores.task, movement, noise)


def stable(tasks: Sequence[TaskScores], groups: Groups) -> Estimates:
    """Stable scores of the configurations: over all `tasks`, moving or not."""
    return estimate([(task.above_chance, task.weights) for task in tasks], groups)


def noise_filtered(tasks: Sequence[TaskScores], groups: Groups) -> tuple[Estimates | None, list[Signal]]:
    """Noise-filtered scores of the configurations, None where no task is kept; and how far each task moves.

    Intervals take the choice of tasks as given.
    """
    signals = [signal(task, groups) for task in tasks]
    kept = [task for task, found in zip(tasks, signals, strict=True) if found.kept]
    return (estimate([(task.centred, task.weights) for task in kept], groups) if kept else None), signals
