"""Sweeps made of numbers alone: what the seeds, the items and, if asked for, the settings add to every score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from curriculum.sweep_report.analysis import Analysis, measured
from curriculum.sweep_report.axes import axes
from curriculum.sweep_report.read_runs import SweepRuns
from curriculum.sweep_report.stable_score import TaskScores

Effect = Callable[[dict[str, Any]], float]
NOISE = 0.03
"""Standard deviation between the seeds of a configuration, of losses and of the share of right answers."""
VISION = {"vqav2": 0.0, "gqa": 0.25, "pope": 0.5}
TEXT = {"lm-eval-piqa": 0.5, "lm-eval-arc_easy": 0.25}
SWITCHES = ("0%", "20%", "40%", "60%", "80%", "100%")
SHARES = ("10%", "50%")


def nothing(_: dict[str, Any]) -> float:
    """No true effect."""
    return 0.0


def sweep(
    rng: np.random.Generator,
    seeds: int,
    *,
    effect: Effect = nothing,
    items: int = 50,
    shared: float = 0.0,
    kind: str = "normal",
) -> Analysis:
    """6 switch points x 2 shares x `seeds`, scored on three vision tasks, two text tasks and two held-out losses.

    `effect` is added to a score and taken from a loss; `shared` is the part of the seeds' variance that all runs of a
    seed have in common, as runs from one trunk may; `kind` of noise is "normal", "none" (items alone), "heavy" (t with
    3 degrees of freedom) or "uneven" (three times as much in half of the configurations).
    """
    settings = [{"switch": switch, "image_share": share} for switch in SWITCHES for share in SHARES]
    groups = [list(range(number * seeds, (number + 1) * seeds)) for number in range(len(settings))]
    truth = np.repeat([effect(one) for one in settings], seeds)

    def by_run() -> np.ndarray:
        shape = (len(settings), seeds)
        own = rng.standard_t(3, shape) / 3**0.5 if kind == "heavy" else rng.standard_normal(shape)
        size = NOISE * {"none": np.zeros(12), "uneven": np.tile([1.0, 3.0, 3.0, 1.0], 3)}.get(kind, np.ones(12))
        both = own * (1 - shared) ** 0.5 + rng.standard_normal(seeds) * shared**0.5
        return truth + (size[:, None] * both).ravel()

    def scores(task: str, chance: float) -> TaskScores:
        difficulty = rng.uniform(-0.2, 0.2, items)
        right = np.clip(0.6 + by_run()[:, None] + difficulty, 0, 1)
        return TaskScores(task, chance, (rng.random(right.shape) < right).astype(float))

    def losses(name: str) -> tuple[str, np.ndarray, np.ndarray]:
        rows = 3 + rng.standard_normal(items) * 0.5 + 0.1 * rng.standard_normal((len(truth), items))
        return name, rows - by_run()[:, None], rng.integers(50, 100, items).astype(float)

    vision = [scores(task, chance) for task, chance in VISION.items()]
    texts = [scores(task, chance) for task, chance in TEXT.items()]
    measures, signals = measured(vision, texts, [losses("loss-text"), losses("loss-code")], groups)
    return Analysis(SweepRuns(Path(), [], [], 1, 1), [], settings, groups, axes(settings), measures, signals)
