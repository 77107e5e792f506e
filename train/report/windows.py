"""Cuts a run's log into windows of steps that no switch point lies inside of.

A figure of a long run has room for a few hundred values. What happens at a switch is a step, not a slope: windows end
at the last step before a switch and begin anew after it; a step that a switch falls into is a window of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.run_log import Step
from schemas.schedule import Schedule

MOST = 240
"""Windows of a whole run."""


@dataclass(frozen=True)
class Window:
    """Some steps in a row, from sample `start` to `stop`."""

    start: int
    stop: int
    steps: Sequence[Step]

    def losses(self, source: str) -> list[float]:
        """Losses of a source in the steps that have one."""
        return [step.loss_by_source[source] for step in self.steps if source in step.loss_by_source]


def windows(log: Sequence[Step], start: int, schedule: Schedule, most: int = MOST) -> list[Window]:
    """Cuts `log` into at most about `most` windows; `start` is where its first step begins."""
    switches = [phase.start for phase in schedule.phases]
    size = max(1, math.ceil(len(log) / most))
    found: list[Window] = []
    gathered: list[Step] = []
    begin = before = start
    for step in log:
        inside = any(before < switch < step.position for switch in switches)
        if gathered and (inside or before in switches or len(gathered) == size):
            found.append(Window(begin, before, gathered))
            gathered, begin = [], before
        gathered.append(step)
        before = step.position
        if inside:
            found.append(Window(begin, before, gathered))
            gathered, begin = [], before
    if gathered:
        found.append(Window(begin, before, gathered))
    return found


def positions(schedule: Schedule, start: int, stop: int, points: int = 400) -> list[int]:
    """Positions for the curve of something that the schedule says: even ones, and both sides of every knee."""
    knees = [phase.start for phase in schedule.phases] + [piece.start for piece in schedule.learning_rate]
    near = {knee + side for knee in knees for side in (-1, 0) if start <= knee + side < stop}
    even = {start + (stop - start) * n // points for n in range(points)}
    return sorted({*near, *even, start, max(start, stop - 1)})
