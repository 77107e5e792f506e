"""When to save: every so many steps, at every switch point and where the schedule asks, at the end, when asked to go.

Checkpoints at switch points stay: they are what branches start from. Of the interval's, the newest few are kept.
"""

from __future__ import annotations

import sys

from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist

from schemas.errors import InputError
from schemas.schedule import Schedule
from train.callbacks.leaving import AskedToLeave
from train.callbacks.record import StepRecord
from train.checkpoint import CheckpointStore, NotSavedError, complete
from train.config import CheckpointConfig
from train.loader.digest import text
from train.remote import RemoteError, RemoteStore


class Checkpointing(Callback):
    """Saves through a `CheckpointStore` after every step that calls for it."""

    def __init__(
        self,
        store: CheckpointStore,
        schedule: Schedule,
        record: StepRecord,
        config: CheckpointConfig,
        last: int,
        remote: RemoteStore | None = None,
    ) -> None:
        self.store, self.schedule, self.record, self.config, self.last = store, schedule, record, config, last
        self.remote = remote
        self._arrived: set[str] | None = None
        self._asked = sorted(position for phase in schedule.phases for position in phase.checkpoint_at)
        self._failures = 0

    def batch_checkpoint(self, state: State, logger: Logger) -> None:
        start, stop = self.record.start, self.record.stop
        points = [*self._asked, *(phase.start for phase in self.schedule.phases)]
        lasting = stop >= self.last or any(start < point <= stop for point in points)
        if lasting or self.record.leave or not int(state.timestamp.batch) % self.config.every:
            self._save(state, lasting=lasting)
        if self.record.leave and stop < self.last:
            raise AskedToLeave

    def _save(self, state: State, *, lasting: bool) -> None:
        """Save, or say why not. What failed once may succeed at the next interval; what must not fail stops the run."""
        names = (source.name for source in self.schedule.sources)
        final = self.record.leave or self.record.stop >= self.last
        problem: str | None = None
        try:
            samples = dict(zip(names, self.record.seen, strict=True))
            self.store.save(state, samples, lasting=lasting, drawn=text(self.record.drawn))
            if dist.get_global_rank() == 0:
                removed = self.store.prune(self.config.keep)
                problem = self._copy(removed, final=final)
        except NotSavedError as error:
            problem = str(error)
        told: list[str | None] = [problem]
        dist.broadcast_object_list(told)
        if (problem := told[0]) is None:
            self._failures = 0
            return
        self._failures += 1
        if lasting or self.record.leave or self._failures >= self.config.failures:
            raise InputError(
                f"cannot save the checkpoint of step {int(state.timestamp.batch)} ({problem})",
                file=self.store.folder,
                remedy="mend that and start the same command again: it goes on from the last good checkpoint",
            )
        if dist.get_global_rank() == 0:
            print(f"warning: checkpoint not saved ({problem}); next try in {self.config.every} steps", file=sys.stderr)

    def _copy(self, removed: list[str], *, final: bool) -> str | None:
        """Bring the remote up to date with the disk; returns what failed if it is the run's last chance."""
        if self.remote is None:
            return None
        try:
            if self._arrived is None:
                self._arrived = set(self.remote.complete())
            for path in complete(self.store.folder):
                if path.name not in self._arrived:
                    self.remote.put(path, self.store.folder.parent)
                    self._arrived.add(path.name)
            for name in self._arrived.intersection(removed):
                self.remote.remove(name)
                self._arrived.discard(name)
        except RemoteError as error:
            if final:
                return str(error)
            print(f"warning: checkpoint is on disk only ({error}); next try with the next one", file=sys.stderr)
        return None
