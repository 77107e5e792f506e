"""Saves checkpoints every so many steps, at switch points, where the schedule asks, at the end, and when told to stop.

Checkpoints at switch points stay: they are what branches start from. Of the interval's, the newest few are kept.
Training goes on while a checkpoint is written; all ranks hear together, at a later step, that it is complete or that it
failed. The next save and the run's end wait for it. Copies to a remote are made meanwhile
(`train.checkpoint.upload_queue`); only the run's end waits for them, and only for a while.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

import torch
from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist

from common.errors import InputError
from schemas.schedule import Schedule
from train.audit.sample_digest import text
from train.callbacks.graceful_stop import AskedToLeave
from train.callbacks.step_facts import StepRecord
from train.checkpoint.save import CheckpointStore
from train.checkpoint.upload_queue import Uploads
from train.config.run_config import CheckpointConfig

TURN = 30.0
"""Seconds between status broadcasts of rank 0 during uploads; must be far below the collectives' time-out."""
PATIENCE = 5.0
"""Seconds that a rank which ends early gives a save that is under way; less than `last_words.LEAVE`."""
TOLD = 1.0
"""Seconds that training may wait for a save before it says so."""


class _Pending(NamedTuple):
    """A save that is under way."""

    step: int
    needed: bool
    """Whether the run stops if it fails."""


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
        self._pending: _Pending | None = None
        """The save that is under way."""

    def fit_start(self, state: State, logger: Logger) -> None:
        self.store.prepare()
        if self.uploads is not None:
            self.uploads.start()

    def close(self, state: State, logger: Logger) -> None:
        # Whoever closes after an error may be alone: the others are ended meanwhile.
        self.store.close(None if dist.get_world_size() == 1 else PATIENCE)
        if self.uploads is not None:
            self.uploads.close()

    def batch_start(self, state: State, logger: Logger) -> None:
        self.record.save_ended, self.record.save_failed = self._flags()

    def batch_checkpoint(self, state: State, logger: Logger) -> None:
        self._hear(self.record.saves_ended, self.record.saves_failed)
        start, stop = self.record.start, self.record.stop
        points = [*self._asked, *(phase.start for phase in self.schedule.phases)]
        lasting = stop >= self.last or any(start < point <= stop for point in points)
        if lasting or self.record.leave or not int(state.timestamp.batch) % self.config.every:
            self._save(state, lasting=lasting)
        if stop >= self.last:
            self.finish(state)
            await_uploads(self.uploads, self.config)
        elif self.record.leave:
            self.finish(state)
            try:
                await_uploads(self.uploads, self.config)
            except InputError as error:  # nothing is lost: the run goes on where this disk is
                if dist.get_global_rank() == 0:
                    print(f"warning: {error}", file=sys.stderr)
            raise AskedToLeave

    def finish(self, state: State) -> None:
        """Wait for the save that is under way, if there is one; on all ranks together.

        Raises:
            InputError: it failed, and must not.
        """
        while self._pending is not None:
            if self.store.writing is not None:
                self.store.writing.wait(TURN)
            flags = state.device.tensor_to_device(torch.tensor(self._flags(), dtype=torch.int64))
            if dist.get_world_size() > 1:
                dist.all_reduce(flags)
            self._hear(*flags.tolist())

    def _save(self, state: State, *, lasting: bool) -> None:
        """Begin to save. An earlier save that has not ended by now is slower than the interval: training waits."""
        began, slow = time.monotonic(), self._pending
        self.finish(state)
        if slow is not None and (waited := time.monotonic() - began) > TOLD and dist.get_global_rank() == 0:
            said = f"training waited {waited:.0f} s for the checkpoint of step {slow.step}"
            print(f"warning: {said}; raise checkpoint.every", file=sys.stderr, flush=True)
        names = (source.name for source in self.schedule.sources)
        samples = dict(zip(names, self.record.seen, strict=True))
        self.store.begin(state, samples, lasting=lasting, drawn=text(self.record.drawn), then=self._prune)
        self._pending = _Pending(int(state.timestamp.batch), lasting or self.record.leave)

    def _flags(self) -> tuple[bool, bool]:
        """Whether the pending save is complete, and whether it has failed, as far as this rank knows."""
        writing = self.store.writing
        if self._pending is None or writing is None:
            return False, False
        return dist.get_global_rank() == 0 and writing.status == "ended", writing.status == "failed"

    def _hear(self, ended: int, failed: int) -> None:
        """Act on what all ranks said. What failed may succeed at the next interval; what must not fail stops the run.

        Raises:
            InputError: the run has to stop.
        """
        if self._pending is None or not (ended or failed):
            return
        pending, self._pending = self._pending, None
        if not failed:
            self._failures = 0
            return
        assert self.store.writing is not None
        problem = next(filter(None, dist.all_gather_object(self.store.writing.problem)))
        self.store.writing.give_up()
        self._failures += 1
        if pending.needed or self._failures >= self.config.failures:
            raise InputError(
                f"cannot save the checkpoint of step {pending.step} ({problem})",
                file=self.store.folder,
                remedy="mend that and start the same command again: it goes on from the last good checkpoint",
            )
        if dist.get_global_rank() == 0:
            print(f"warning: checkpoint not saved ({problem}); next try in {self.config.every} steps", file=sys.stderr)

    def _prune(self) -> None:
        """Removes outdated checkpoints and wakes the uploads; called in the background, after a save."""
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
