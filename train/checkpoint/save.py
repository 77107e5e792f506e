"""Saves checkpoints: a directory of safetensors files and two JSON files, complete or absent.

Composer's own checkpoints are pickles, and loading a pickle runs whatever code is in it. These hold tensors and JSON
alone: `model` and `optimizer` (state by parameter name, so that it survives a regrouping), each a file, or a file for
each rank that holds a part of a sharded model; `state.json` (position, hash of the past that led there, the run's
config, digests of the files) and `schedule.json`. A save copies to main memory; the rest happens in the background
(`train.checkpoint.writing`), beside the checkpoint's place, and ends with a rename once everything is on disk: a
directory that has its name is whole, whenever the machine died.
There is no "latest" link that could point at nothing: the latest is the one with the highest position.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from composer.core import State
from composer.utils import dist

from common import atomic_files, file_digests, seal
from common.pictures import RULE
from schemas.schedule import Schedule
from train.checkpoint import config_changes, identity
from train.checkpoint.folder import FOLDER, prune
from train.checkpoint.names import LOGS, SCHEDULE, STATE, name_of
from train.checkpoint.rank_share import RankShare
from train.checkpoint.state import Saved
from train.checkpoint.writing import Writing
from train.config.run_config import RunConfig
from train.models.vlm import VisionLanguageModel


class NotSavedError(RuntimeError):
    """Writing failed; what had been written of it is gone again, and older checkpoints are untouched."""


class CheckpointStore:
    """The checkpoints of one run, in `out`/checkpoints."""

    def __init__(self, out: Path, model: VisionLanguageModel, run: RunConfig, schedule: Schedule) -> None:
        self.out, self.folder = out, out / FOLDER
        self._model, self._schedule = model, schedule
        self._run = config_changes.settled(run, None)
        self._share: RankShare | None = None
        self._attempt = ""
        self.writing: Writing | None = None
        """The newest save; None before the first."""

    def prepare(self) -> None:
        """Let the ranks agree on who writes, and find main memory for it; call it on all of them."""
        if self._share is None:
            self._share = RankShare(self._model, self.folder)
            self._share.reserve()
            told = [uuid.uuid4().hex[:8]]
            dist.broadcast_object_list(told)
            self._attempt = told[0]

    def begin(
        self,
        state: State,
        samples: dict[str, int],
        *,
        lasting: bool,
        drawn: str = "",
        then: Callable[[], None] = lambda: None,
    ) -> Path:
        """Copy what the checkpoint of `state`'s position holds, and write it in the background (`writing`).

        Call it on every rank, with no other save under way. Returns the checkpoint's directory-to-be.

        Args:
            then: called in the background on rank 0, once the checkpoint is complete.

        Raises:
            RuntimeError: on every rank: the model's parameters are not those that the optimizer trains.
        """
        self.prepare()
        assert self._share is not None
        if self.writing is not None:
            self.writing.wait()
        files = self._share.files(state.optimizers[0])
        time = state.timestamp
        position = int(time.sample)
        saved = Saved(
            version=2 if self._share.count == 1 else 3,
            position=position,
            step=int(time.batch),
            tokens=int(time.token),
            past=self._schedule.prefix_hash(position),
            schedule=self._schedule.hash,
            samples=samples,
            drawn=drawn,
            lasting=lasting,
            run=self._run,
            tokenizer=self._schedule.tokenizer,
            geometry=self._schedule.geometry,
            conversation=self._schedule.conversation,
            pictures=RULE,
            towers=self._model.shapes,
            ranks=dist.get_world_size(),
        )
        target = self.folder / name_of(position)
        partial = atomic_files.beside(target, self._attempt)

        def finish(found: dict[str, str]) -> None:
            self._complete(saved, partial, target, found)
            then()

        rank = dist.get_global_rank()
        share = self._share
        self.writing = Writing(partial, files, rank, None if rank else finish, share.writers, share.relay)
        return target

    def save(self, state: State, samples: dict[str, int], *, lasting: bool, drawn: str = "") -> Path:
        """Write a checkpoint and wait for it; see `begin`.

        Raises:
            NotSavedError: the disk is full or broken.
        """
        target = self.begin(state, samples, lasting=lasting, drawn=drawn)
        assert self.writing is not None
        self.writing.wait()
        if self.writing.problem is not None:
            raise NotSavedError(self.writing.problem)
        return target

    def _complete(self, saved: Saved, partial: Path, target: Path, found: dict[str, str]) -> None:
        """Make the folder with all ranks' files a checkpoint."""
        whose = identity.taken(self.out)
        for log in LOGS:  # a checkpoint that outlives a power cut must not be ahead of them
            if (self.out / log).exists():
                atomic_files.flush(self.out / log)
        self._schedule.save(partial / SCHEDULE)
        named = {**found, SCHEDULE: file_digests.of_file(partial / SCHEDULE)}
        whole = saved.model_copy(update={"digests": named, "identity": whose})
        text = seal.sealed(whole.model_dump_json(exclude={"seal"}))
        (partial / STATE).write_text(text, encoding="utf-8")
        # It replaces one of the same position after a resume from before it.
        atomic_files.take_place(partial, target)

    def prune(self, keep: int, spare: str | None = None) -> None:
        """Prunes the folder like the function `prune`; what killed writers left goes too. No save may be under way."""
        prune(self.folder, keep, spare)
        for leftover in atomic_files.leftovers(self.folder):
            shutil.rmtree(leftover, ignore_errors=True)

    def close(self, seconds: float | None) -> None:
        """Wait for a save that is under way, but not longer than `seconds`; it does not count then."""
        if self.writing is not None and not self.writing.wait(seconds):
            self.writing.give_up()
            return
        if self._share is not None:
            self._share.release()
