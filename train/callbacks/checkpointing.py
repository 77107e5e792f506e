"""When to save: every so many steps, at every switch point, and at the end.

Checkpoints at switch points stay: they are what branches start from. Of the interval's, the newest few are kept.
"""

from __future__ import annotations

from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist

from schemas.schedule import Schedule
from train.callbacks.record import StepRecord
from train.checkpoint import CheckpointStore
from train.config import CheckpointConfig
from train.loader.digest import text


class Checkpointing(Callback):
    """Saves through a `CheckpointStore` after every step that calls for it."""

    def __init__(
        self, store: CheckpointStore, schedule: Schedule, record: StepRecord, config: CheckpointConfig, last: int
    ) -> None:
        self.store, self.schedule, self.record, self.config, self.last = store, schedule, record, config, last

    def batch_checkpoint(self, state: State, logger: Logger) -> None:
        start, stop = self.record.start, self.record.stop
        lasting = stop >= self.last or any(start < phase.start <= stop for phase in self.schedule.phases)
        if not lasting and int(state.timestamp.batch) % self.config.every:
            return
        if dist.get_global_rank() == 0:
            names = (source.name for source in self.schedule.sources)
            samples = dict(zip(names, self.record.seen, strict=True))
            self.store.save(state, samples, lasting=lasting, drawn=text(self.record.drawn))
            self.store.prune(self.config.keep)
