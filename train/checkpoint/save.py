"""Saves checkpoints: a directory of two safetensors files and two JSON files, complete or absent.

Composer's own checkpoints are pickles, and loading a pickle runs whatever code is in it. These hold tensors and JSON
alone: `model.safetensors`, `optimizer.safetensors` (state by parameter name, so that it survives a regrouping) and
`state.json` (position, hash of the past that led there, the run's config, digests of the files) and `schedule.json`.
They are written beside their place, flushed to disk and renamed, so a directory that has its name is whole, whenever
the machine died.
There is no "latest" link that could point at nothing: the latest is the one with the highest position.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from composer.core import State
from composer.utils import dist
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from common import atomic_files
from common.pictures import RULE
from schemas.schedule import Schedule
from train.checkpoint import config_changes, digests, identity
from train.checkpoint.folder import FOLDER, prune
from train.checkpoint.names import LOGS, name_of
from train.checkpoint.state import SCHEDULE, Saved
from train.config.run_config import RunConfig
from train.models.sharding import whole
from train.models.vlm import VisionLanguageModel


class NotSavedError(RuntimeError):
    """Writing failed; what had been written of it is gone again, and older checkpoints are untouched."""


class CheckpointStore:
    """The checkpoints of one run, in `out`/checkpoints."""

    def __init__(self, out: Path, model: VisionLanguageModel, run: RunConfig, schedule: Schedule) -> None:
        self.out, self.folder = out, out / FOLDER
        self._model, self._schedule = model, schedule
        self._run = config_changes.settled(run, None)

    def save(self, state: State, samples: dict[str, int], *, lasting: bool, drawn: str = "") -> Path:
        """Write the checkpoint of `state`'s position; returns its directory.

        Call on every rank: sharded tensors are gathered, one at a time, to rank 0, which alone writes.

        Raises:
            NotSavedError: on rank 0: the disk is full or broken.
            RuntimeError: on every rank: the model's parameters are not those that the optimizer trains.
        """
        _check_known(self._model, state.optimizers[0])
        writes = dist.get_global_rank() == 0
        weights = _gathered(dict(self._model.named_parameters()), keep=writes)
        moments = _gathered(_optimizer_tensors(self._model, state.optimizers[0]), keep=writes)
        time = state.timestamp
        position = int(time.sample)
        saved = Saved(
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
        )
        target = self.folder / name_of(position)
        if not writes:
            return target
        try:
            whose = identity.taken(self.out)
            for log in LOGS:  # a checkpoint that outlives a power cut must not be ahead of them
                if (self.out / log).exists():
                    atomic_files.flush(self.out / log)
            # It replaces one of the same position after a resume from before it.
            with atomic_files.new_directory(target, replace=True) as partial:
                save_file(weights, partial / "model.safetensors")
                save_file(moments, partial / "optimizer.safetensors")
                self._schedule.save(partial / SCHEDULE)
                whole = saved.model_copy(update={"digests": digests.of_files(partial), "identity": whose})
                text = digests.sealed(whole.model_dump_json(exclude={"seal"}))
                (partial / digests.STATE).write_text(text, encoding="utf-8")
        except (OSError, SafetensorError) as error:
            raise NotSavedError(" ".join(str(error).split())) from error
        return target

    def prune(self, keep: int, spare: str | None = None) -> None:
        """Prunes the folder like the function `prune`; what killed writers left goes too."""
        prune(self.folder, keep, spare)
        for leftover in atomic_files.leftovers(self.folder):
            shutil.rmtree(leftover, ignore_errors=True)


def _check_known(model: nn.Module, optimizer: Optimizer) -> None:
    """Refuse what would be saved without its moments, and perhaps rounded: a gathered parameter of a sharded model."""
    known = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    strange = [name for name, p in model.named_parameters() if p.requires_grad and p not in known]
    if strange:
        raise RuntimeError(
            f"not saved: the optimizer does not know {len(strange)} trained parameters, '{strange[0]}' for one; "
            "a pass without backward may have left them gathered (train.models.sharding.scatter_again)"
        )


def _optimizer_tensors(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    tensors = {}
    for name, parameter in model.named_parameters():
        for part, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{name}/{part}"] = value
    return tensors


def _gathered(tensors: Mapping[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """Whole copies in main memory on the ranks that `keep` them."""
    found = {}
    for name, tensor in tensors.items():
        full = whole(tensor.detach())
        if keep:
            found[name] = full.cpu().contiguous()
    return found
