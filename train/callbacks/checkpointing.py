"""Saves checkpoints every so many steps, at switch points, where the schedule asks, at the end, and when told to stop.

Checkpoints at switch points stay: they are what branches start from. Of the interval's, the newest few are kept. Copies
to a remote are made meanwhile (`train.checkpoint.upload_queue`); only the run's end waits for them, and only for a
while.
"""

from __future__ import annotations

import sys
import time

from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist

from common.errors import InputError
from schemas.schedule import Schedule
from train.audit.sample_digest import text
from train.callbacks.graceful_stop import AskedToLeave
from train.callbacks.step_facts import StepRecord
from train.checkpoint.save import CheckpointStore, NotSavedError
from train.checkpoint.upload_queue import Uploads
from train.config.run_config import CheckpointConfig

TURN = 30.0
"""Seconds between status broadcasts of rank 0 during uploads; must be far below the collectives' time-out."""


class Checkpointing(Callback):
    """Saves through a `CheckpointStore` after every step that calls for it; rank 0 has `uploads` to a remote."""

    def __init__(
        self,
        store: CheckpointStore,
        schedule: Schedule,
        record: StepRecord,
        config: CheckpointConfig,
        last: int,
        uploads: Uploads | None = None,
    ) -> None:
        self.store, self.schedule, self.record, self.config, self.last = store, schedule, record, config, last
        self.uploads = uploads
        self._asked = sorted(position for phase in schedule.phases for position in phase.checkpoint_at)
        self._failures = 0

    def fit_start(self, state: State, logger: Logger) -> None:
        if self.uploads is not None:
            self.uploads.start()

    def close(self, state: State, logger: Logger) -> None:
        if self.uploads is not None:
            self.uploads.close()

    def batch_checkpoint(self, state: State, logger: Logger) -> None:
        start, stop = self.record.start, self.record.stop
        points = [*self._asked, *(phase.start for phase in self.schedule.phases)]
        lasting = stop >= self.last or any(start < point <= stop for point in points)
        if lasting or self.record.leave or not int(state.timestamp.batch) % self.config.every:
            self._save(state, lasting=lasting)
        if stop >= self.last:
            await_uploads(self.uploads, self.config)
        elif self.record.leave:
            try:
                await_uploads(self.uploads, self.config)
            except InputError as error:  # nothing is lost: the run goes on where this disk is
                if dist.get_global_rank() == 0:
                    print(f"warning: {error}", file=sys.stderr)
            raise AskedToLeave

    def _save(self, state: State, *, lasting: bool) -> None:
        """Save, or say why not. What failed once may succeed at the next interval; what must not fail stops the run."""
        names = (source.name for source in self.schedule.sources)
        problem: str | None = None
        try:
            samples = dict(zip(names, self.record.seen, strict=True))
            self.store.save(state, samples, lasting=lasting, drawn=text(self.record.drawn))
            if dist.get_global_rank() == 0:
                self._prune()
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

    def _prune(self) -> None:
        if self.uploads is None:
            self.store.prune(self.config.keep)
            return
        with self.uploads.lock:
            self.store.prune(self.config.keep, spare=self.uploads.uploading)
        self.uploads.saved()


def await_uploads(uploads: Uploads | None, config: CheckpointConfig) -> None:
    """Wait until every checkpoint on disk has arrived at the remote; on all ranks together.

    Raises:
        InputError: that takes longer than the config allows.
    """
    if config.remote is None:
        return
    until = time.monotonic() + config.remote_wait
    while True:
        told: list[object] = [None, None]
        if uploads is not None:
            left = max(0.0, until - time.monotonic())
            arrived = uploads.finish(min(TURN, left))
            told = ["arrived" if arrived else "late" if left <= TURN else "wait", uploads.problem]
        dist.broadcast_object_list(told)
        if told[0] == "arrived":
            return
        if told[0] == "late":
            problem = told[1] or f"the upload was not over after {config.remote_wait:.0f} s"
            raise InputError(
                f"the last checkpoints are on disk only ({problem})",
                file=config.remote,
                remedy="mend that and start the same command again: it uploads what is missing",
            )
