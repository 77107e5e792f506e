"""Estimates means of configurations, and differences between them, with intervals and probabilities.

The model of a run's score: its configuration's mean, plus what the seed adds, which has one variance in all
configurations. That variance is pooled over configurations, and t distributions have its degrees of freedom: with two
seeds each, 12 configurations give 12 of them, one configuration alone 1.

Runs are scored on the same items, so a score of other items would differ too. How much of the items' spread the
difference between seeds already holds is worked out and left out:

    variance of sum w x = s^2 sum w^2 / m                       s^2: pooled variance between seeds; m: seeds
                        + max(0, w' (G - diag(E / m)) w)        G: covariance of the means, by resampling items
                                                                E: the part of G that differs between seeds

Satterthwaite's formula gives the degrees of freedom of this sum. With one seed in every configuration nothing is
known of s^2: intervals then speak of items alone, and no probability is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curriculum.sweep_report.student_t import critical, tail

LEVEL = 0.95
_BLOCK = 10_000
"""Items at once: a sweep of 300 runs on VQAv2 has 64 million scores."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference, with its 95 % interval."""

    value: float
    low: float
    high: float
    p: float | None
    """Probability of a value this far from 0 if there is no effect; None where the seeds do not tell."""


@dataclass(frozen=True)
class Estimates:
    """Means of configurations, ready for differences between any of them."""

    values: Floats
    """[configurations]."""
    seeds: NDArray[np.int64]
    """[configurations]: runs of each."""
    variance: float
    """Between the seeds of a configuration, pooled; 0 where no configuration has two, or no two seeds differ."""
    freedom: int
    """Degrees of freedom of `variance`; 0 with one seed in every configuration."""
    item_covariance: Floats
    """[configurations, configurations]: what other items would add, beyond what other seeds would."""
    items: int
    """Of the smallest task."""

    def of(self, weights: Floats) -> Estimate:
        """The sum of the configurations' means times `weights` ([configurations])."""
        value = float(weights @ self.values)
        by_seeds = self.variance * float((weights**2 / self.seeds).sum())
        by_items = max(0.0, float(weights @ self.item_covariance @ weights))
        variance, wide = by_seeds + by_items, self.items - 1
        spread = by_seeds**2 / self.freedom if self.freedom else 0.0
        spread += by_items**2 / wide if wide else 0.0
        error, freedom = math.sqrt(variance), variance**2 / spread if spread else math.inf
        reach = critical(LEVEL, freedom) * error
        p = tail(value / error, freedom) if self.variance else None
        return Estimate(value, value - reach, value + reach, p)

    def mean(self, members: Sequence[int]) -> Estimate:
        """The mean over the configurations `members`."""
        weights = np.zeros(len(self.values))
        weights[list(members)] = 1 / len(members)
        return self.of(weights)


def averages(groups: Sequence[Sequence[int]]) -> Floats:
    """[configurations, runs]: the matrix that makes configurations' means of runs' scores."""
    found = np.zeros((len(groups), max(max(group) for group in groups) + 1))
    for number, group in enumerate(groups):
        found[number, list(group)] = 1 / len(group)
    return found


def freedom(groups: Sequence[Sequence[int]]) -> int:
    """Degrees of freedom of a variance between seeds that is pooled over `groups`."""
    return sum(len(group) - 1 for group in groups)


def between_seeds(scores: Floats, groups: Sequence[Sequence[int]]) -> float:
    """The pooled variance of `scores` ([runs]) between seeds; 0 where nothing but rounding differs."""
    if not (spare := freedom(groups)):
        return 0.0
    found = sum(float(((scores[list(group)] - scores[list(group)].mean()) ** 2).sum()) for group in groups) / spare
    return found if found > 1e-24 * max(1.0, float((scores**2).max())) else 0.0


def item_covariance(items: Floats, weights: Floats, groups: Sequence[Sequence[int]]) -> Floats:
    """[configurations, configurations]: covariance of the means over items, without what differs between seeds.

    `items` is [runs, items]; the runs' scores are its sums times `weights` ([items], they add up to 1).
    """
    count = len(weights)
    if count < 2:
        return np.zeros((len(groups), len(groups)))
    scores, averaging = (items @ weights)[:, None], averages(groups)
    seeds = np.array([len(group) for group in groups])
    found, residuals = np.zeros((len(groups), len(groups))), np.zeros(len(groups))
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        deviations = (items[:, part] - scores) * (weights[part] * math.sqrt(count / (count - 1)))
        means = averaging @ deviations
        found += means @ means.T
        residuals += [((deviations[list(group)] - mean) ** 2).sum() for group, mean in zip(groups, means, strict=True)]
    if spare := freedom(groups):
        own = residuals / np.maximum(seeds - 1, 1)
        found[np.diag_indices(len(groups))] -= np.where(seeds > 1, own, residuals.sum() / spare) / seeds
    return found


def estimate(
    parts: Sequence[tuple[Floats, Floats]], groups: Sequence[Sequence[int]], scores: Floats | None = None
) -> Estimates:
    """Estimates of the mean over tasks: `parts` has each task's (items, weights), as `item_covariance` takes them.

    `scores` ([runs]) stand in for the mean where a task's figure is not that of its items (another threshold, another
    mean over groups); the items then stand for how much such a figure hangs on the choice of items.
    """
    if scores is None:
        scores = np.mean([items @ weights for items, weights in parts], axis=0)
    covariance = sum(item_covariance(items, weights, groups) for items, weights in parts) / len(parts) ** 2
    return Estimates(
        values=averages(groups) @ scores,
        seeds=np.array([len(group) for group in groups]),
        variance=between_seeds(scores, groups),
        freedom=freedom(groups),
        item_covariance=np.asarray(covariance),
        items=min(len(weights) for _, weights in parts),
    )


def holm(probabilities: Sequence[float | None]) -> list[float | None]:
    """Probabilities, corrected for their number by Holm's method (1979); None is left out and stays.

    The chance that any of those below 5 % is false is then at most 5 %, however they hang together.
    """
    known = sorted((p, place) for place, p in enumerate(probabilities) if p is not None)
    found: list[float | None] = [None] * len(probabilities)
    least = 0.0
    for rank, (p, place) in enumerate(known):
        found[place] = least = min(1.0, max(least, p * (len(known) - rank)))
    return found
