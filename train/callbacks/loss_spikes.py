"""Judges whether a step's loss is faulty."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from statistics import fmean, pstdev

from schemas.run_log import Step
from train.config.fault_config import LEAST, Action, FaultConfig


class Judge:
    """Recent losses of each source, and what stands out from them."""

    def __init__(self, config: FaultConfig) -> None:
        self.config = config
        self._recent: dict[str, deque[float]] = {}

    def recall(self, steps: Iterable[Step]) -> None:
        """Become what a judge is that has seen all these steps of a run, from its first on."""
        for step in steps:
            if not step.withheld:
                self.learn(step.loss_by_source)

    def learn(self, loss_by_source: Mapping[str, float]) -> None:
        """Take the losses of a sound step into account."""
        for source, loss in loss_by_source.items():
            self._recent.setdefault(source, deque(maxlen=self.config.window)).append(loss)

    def verdict(self, loss_by_source: Mapping[str, float], gradient_norm: float) -> tuple[str, Action] | None:
        """Says what is wrong with a step, and what to do; None if nothing is, or it is to be ignored."""
        if not all(map(math.isfinite, (*loss_by_source.values(), gradient_norm))):
            return "loss or gradient is not finite", self.config.non_finite
        if self.config.spike == "ignore":
            return None
        for source, loss in loss_by_source.items():
            recent = self._recent.get(source, ())
            if len(recent) < LEAST:
                continue
            average = fmean(recent)
            deviation = max(pstdev(recent, average), 0.01 * average)
            if loss > average + self.config.deviations * deviation:
                apart = (loss - average) / deviation
                return f"loss of '{source}' is {loss:.3f}, {apart:.1f} deviations above average", self.config.spike
        return None
