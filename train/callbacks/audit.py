"""Did the step draw what the schedule says? Compared at every step; a difference stops the run.

Counts over a step, not over the run: if every step from a checkpoint on is right, the whole is, and nothing has to be
carried across a resume.
"""

from __future__ import annotations

from composer.core import Callback, State
from composer.loggers import Logger

from schemas.schedule import Schedule
from train.callbacks.record import StepRecord


class AuditError(RuntimeError):
    """The run did not draw what its schedule says: a bug, or data that changed under the run."""


class Audit(Callback):
    """Raises `AuditError` on every rank at once, before the optimizer has used the step."""

    def __init__(self, schedule: Schedule, record: StepRecord) -> None:
        self.schedule, self.record = schedule, record

    def after_train_batch(self, state: State, logger: Logger) -> None:
        before = self.schedule.counts(self.record.start)
        after = self.schedule.counts(min(self.record.stop, self.schedule.total_samples))
        due = {name: after[name] - before[name] for name in after}
        drawn = dict(zip(due, self.record.samples, strict=True))
        if drawn != due:
            step = int(state.timestamp.batch) + 1
            raise AuditError(f"step {step}, from sample {self.record.start:,}: drew {drawn}, the schedule says {due}")
