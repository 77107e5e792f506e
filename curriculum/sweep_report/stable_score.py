r"""The stable score: an average over tasks that carry a signal, with the noise left out and chance at zero.

For a task t with chance level c, a run's score s becomes x = (s - c) / (1 - c): 0 is guessing, 1 is perfect. Runs that
differ in their seed alone are one configuration; its value is the mean of x over its m seeds.

    noise(t)^2     = pooled variance of x between seeds of one configuration, divided by the (harmonic) mean of m;
                     where no configuration has two seeds: the items' sampling variance of x instead
    movement(t)^2  = variance of the configurations' values
    t is kept      if movement(t) > SIGNAL x noise(t)

    stable score   = mean of the configuration's values over the kept tasks

Intervals are bootstrap percentiles (95 %): each draw takes items with replacement, the same for all runs, and seeds
with replacement within each configuration. Which tasks are kept is decided once, not in each draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGNAL = 2.0
"""How far above noise a task has to move."""
DRAWS = 1000
_BLOCK = 100


@dataclass(frozen=True)
class TaskScores:
    """One task over all runs."""

    task: str
    chance: float
    items: NDArray[np.float64]
    """[runs, items]: 0 to 1."""

    @property
    def centred(self) -> NDArray[np.float64]:
        """[runs]: 0 is chance, 1 is perfect."""
        found: NDArray[np.float64] = centre(self.items.mean(axis=1), self.chance)
        return found


@dataclass(frozen=True)
class Signal:
    """Whether a task moves above noise."""

    task: str
    movement: float
    noise: float

    @property
    def kept(self) -> bool:
        """See the module."""
        return self.movement > SIGNAL * self.noise


@dataclass(frozen=True)
class Stable:
    """Stable scores of configurations."""

    values: NDArray[np.float64]
    """[configurations]."""
    draws: NDArray[np.float64]
    """[configurations, draws]: of the bootstrap."""
    signals: list[Signal]

    @property
    def tasks(self) -> list[str]:
        """Tasks that were kept."""
        return [signal.task for signal in self.signals if signal.kept]


def centre(score: NDArray[np.float64], chance: float) -> NDArray[np.float64]:
    """0 at chance, 1 at perfection."""
    return (score - chance) / (1 - chance)


def signal(scores: TaskScores, groups: Sequence[Sequence[int]]) -> Signal:
    """How far `scores` moves between `groups` (run numbers of each configuration), and its noise."""
    x = scores.centred
    means = np.array([x[list(group)].mean() for group in groups])
    spare = sum(len(group) - 1 for group in groups)
    if spare:
        within = sum(float(((x[list(group)] - mean) ** 2).sum()) for group, mean in zip(groups, means, strict=True))
        seeds = len(groups) / sum(1 / len(group) for group in groups)
        noise = (within / spare / seeds) ** 0.5
    else:
        count = scores.items.shape[1]
        variance = scores.items.var(axis=1, ddof=1 if count > 1 else 0) / count
        noise = float(np.sqrt(variance.mean())) / (1 - scores.chance)
    movement = float(means.std(ddof=1)) if len(groups) > 1 else 0.0
    return Signal(scores.task, movement, float(noise))


def stable(
    tasks: Sequence[TaskScores], groups: Sequence[Sequence[int]], *, seed: int = 0, draws: int = DRAWS
) -> Stable:
    """Stable scores of the configurations `groups`; NaN where no task is kept."""
    signals = [signal(task, groups) for task in tasks]
    kept = [task for task, found in zip(tasks, signals, strict=True) if found.kept]
    if not kept:
        return Stable(np.full(len(groups), np.nan), np.full((len(groups), draws), np.nan), signals)
    values = np.mean([[task.centred[list(group)].mean() for group in groups] for task in kept], axis=0)
    return Stable(values, bootstrap(kept, groups, seed=seed, draws=draws), signals)


def bootstrap(
    tasks: Sequence[TaskScores], groups: Sequence[Sequence[int]], *, seed: int = 0, draws: int = DRAWS
) -> NDArray[np.float64]:
    """Draws of the mean over `tasks` for each configuration, [configurations, draws]."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((len(groups), max(max(group) for group in groups) + 1, draws))
    for number, group in enumerate(groups):
        chosen = rng.multinomial(len(group), [1 / len(group)] * len(group), size=draws)
        weights[number, list(group), :] = chosen.T / len(group)
    total = np.zeros((len(groups), draws))
    for task in tasks:
        runs, count = task.items.shape
        of_runs = np.empty((runs, draws))
        for start in range(0, draws, _BLOCK):
            size = min(_BLOCK, draws - start)
            picks = rng.multinomial(count, np.full(count, 1 / count), size=size)
            of_runs[:, start : start + size] = task.items @ picks.T / count
        total += np.einsum("grd,rd->gd", weights[:, :runs, :], centre(of_runs, task.chance))
    found: NDArray[np.float64] = total / len(tasks)
    return found


def bootstrap_losses(
    losses: NDArray[np.float64],
    tokens: NDArray[np.float64],
    groups: Sequence[Sequence[int]],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> NDArray[np.float64]:
    """The same for mean losses per token, [configurations, draws]; `losses` is [runs, rows], `tokens` of each row."""
    rng = np.random.default_rng(seed)
    chosen = [rng.multinomial(len(group), [1 / len(group)] * len(group), size=draws) / len(group) for group in groups]
    runs, count = losses.shape
    of_runs = np.empty((runs, draws))
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=size).T * tokens[:, None]
        of_runs[:, start : start + size] = losses @ weights / np.maximum(weights.sum(axis=0), 1)
    return np.array(
        [np.einsum("dr,rd->d", picks, of_runs[list(group)]) for picks, group in zip(chosen, groups, strict=True)]
    )


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of the draws of one value lie between."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
