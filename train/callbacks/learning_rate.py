"""Sets the learning rate of each step to the schedule's at the position of the step's first sample.

It is set before the step, not by a Composer scheduler: those are stepped before the timestamp moves on, so the rate
they set is one step late, and on resume it comes from the checkpoint rather than from the position.
"""

from __future__ import annotations

from composer.core import Callback, State
from composer.loggers import Logger

from schemas.schedule import Schedule


class ScheduledRate(Callback):
    """Sets the rate of every parameter group."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.rate = 0.0

    def batch_start(self, state: State, logger: Logger) -> None:
        self.rate = self.schedule.lr(int(state.timestamp.sample))
        for optimizer in state.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate
