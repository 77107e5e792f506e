"""Compares at every step the drawn samples with the schedule; a difference stops the run.

Compared are the samples of each source and the digest of which samples they were, at which positions. They are those of
the step, not of the run: if every step from a checkpoint on is right, the whole is, and nothing has to be carried
across a resume. What was realised of each source goes to Composer's loggers, under `sources/NAME/`.
"""

from __future__ import annotations

from composer.core import Callback, State
from composer.loggers import Logger

from schemas.schedule import Schedule
from train.audit import sample_digest
from train.callbacks.step_facts import StepRecord


class AuditError(RuntimeError):
    """The run did not draw what its schedule says: a bug, or data that changed under the run."""


class Audit(Callback):
    """Raises `AuditError` on every rank at once, before the optimizer has used the step."""

    def __init__(self, schedule: Schedule, record: StepRecord) -> None:
        self.schedule, self.record = schedule, record

    def after_train_batch(self, state: State, logger: Logger) -> None:
        record, stop = self.record, min(self.record.stop, self.schedule.total_samples)
        before, after = self.schedule.counts(record.start), self.schedule.counts(stop)
        due = {name: after[name] - before[name] for name in after}
        drawn = dict(zip(due, record.samples, strict=True))
        where = f"step {int(state.timestamp.batch) + 1}, from sample {record.start:,}"
        if drawn != due:
            raise AuditError(f"{where}: drew {drawn}, the schedule says {due}")
        if record.digest != sample_digest.due(self.schedule, record.start, stop):
            raise AuditError(
                f"{where}: the counts of each source are right, but not the samples or their places; "
                "training data must not change or move under a run"
            )

    def batch_end(self, state: State, logger: Logger) -> None:
        """Log what the run has realised of each source: cumulative samples, tokens and passes, and this step's loss."""
        record, facts = self.record, {}
        columns = zip(self.schedule.sources, record.seen, record.loss_sums, record.loss_tokens, strict=True)
        for source, seen, loss, tokens in columns:
            name = f"sources/{source.name}"
            facts[f"{name}/samples"] = float(seen)
            facts[f"{name}/tokens"] = float(seen * self.schedule.seq_len)
            facts[f"{name}/passes"] = seen / source.samples
            if tokens:
                facts[f"{name}/loss"] = loss / tokens
        logger.log_metrics(facts)
