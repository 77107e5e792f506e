"""Checkpoints: a directory of two safetensors files and two JSON files, complete or absent.

Composer's own checkpoints are pickles, and loading a pickle runs whatever code is in it. These hold tensors and JSON
alone: `model.safetensors`, `optimizer.safetensors` (state by parameter name, so that it survives a regrouping) and
`state.json` (position, the hash of the past that led there, the run's config) and `schedule.json`. They are written
beside their place, flushed to disk and renamed, so a directory that has its name is whole, whenever the machine died.
There is no "latest" link that could point at nothing: the latest is the one with the highest position.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from composer.core import State, Timestamp
from composer.utils import dist
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from common import atomic_files
from common.errors import InputError
from schemas.manifest import ImageGeometry, TokenizerIdentity
from schemas.schedule import Schedule
from schemas.strict_model import Strict
from train.config.run_config import RunConfig
from train.models.sharding import like, whole
from train.models.vlm import VisionLanguageModel

FOLDER = "checkpoints"
SCHEDULE = "schedule.json"
_PARTIAL = ".partial-"


class Saved(Strict):
    """`state.json`: where a checkpoint stands, and what it takes to rebuild its model."""

    version: Literal[1] = 1
    position: int
    """Samples trained on."""
    step: int
    tokens: int
    """Tokens trained on, padding not counted."""
    past: str
    """`Schedule.prefix_hash(position)`."""
    schedule: str
    """Hash of the whole schedule, for the record."""
    samples: dict[str, int]
    """Samples of each source trained on, as counted."""
    drawn: str = ""
    """Digest of which samples those were (`train.audit.sample_digest`), as read; empty in checkpoints of older runs."""
    lasting: bool
    """Whether pruning must leave it: a switch point, or the end."""
    run: RunConfig
    tokenizer: TokenizerIdentity
    geometry: ImageGeometry | None
    towers: dict[str, dict[str, Any]] = {}
    """Shapes of pre-trained image towers, so that their directories are not needed again; empty in older runs'."""

    def decoder_only(self, run: RunConfig, schedule: Schedule) -> bool:
        """Whether `run` takes its image side from its own config: it has another one, and this one is untaught yet.

        Raises:
            InputError: it has another one, but this one has learnt from images already.
        """
        if (run.model.encoder.identity, schedule.geometry) == (self.run.model.encoder.identity, self.geometry):
            return False
        seen = sum(self.samples.get(source.name, 0) for source in schedule.sources if source.kind != "text")
        if seen:
            raise InputError(
                f"this checkpoint has trained another image encoder, on {seen:,} samples with images",
                field="model.encoder",
                remedy="use the encoder that it was trained with, or branch from before the first image",
            )
        return True

    @property
    def timestamp(self) -> Timestamp:
        """Composer's clock at this checkpoint; a run is one epoch."""
        return Timestamp(
            batch=self.step,
            sample=self.position,
            token=self.tokens,
            token_in_iteration=self.tokens,
            batch_in_epoch=self.step,
            sample_in_epoch=self.position,
            token_in_epoch=self.tokens,
        )


class NotSavedError(RuntimeError):
    """Writing failed; what had been written of it is gone again, and older checkpoints are untouched."""


class CheckpointStore:
    """The checkpoints of one run, in `out`/checkpoints."""

    def __init__(self, out: Path, model: VisionLanguageModel, run: RunConfig, schedule: Schedule) -> None:
        self.folder = out / FOLDER
        self._model, self._run, self._schedule = model, run, schedule

    def save(self, state: State, samples: dict[str, int], *, lasting: bool, drawn: str = "") -> Path:
        """Write the checkpoint of `state`'s position; returns its directory.

        Call on every rank: sharded tensors are gathered, one at a time, to rank 0, which alone writes.

        Raises:
            NotSavedError: on rank 0: the disk is full or broken.
        """
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
            towers=self._model.shapes,
        )
        target = self.folder / f"{position:015d}"
        if not writes:
            return target
        partial = self.folder / f"{_PARTIAL}{position}"
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            save_file(weights, partial / "model.safetensors")
            save_file(moments, partial / "optimizer.safetensors")
            (partial / "state.json").write_text(saved.model_dump_json(indent=1) + "\n", encoding="utf-8")
            self._schedule.save(partial / SCHEDULE)
            atomic_files.settle(partial)
            if target.exists():  # the same position again, after a resume from before it
                shutil.rmtree(target)
            partial.rename(target)
            atomic_files.flush(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise NotSavedError(" ".join(str(error).split())) from error
        return target

    def prune(self, keep: int, spare: str | None = None) -> None:
        """As the function; what killed writers left goes too."""
        prune(self.folder, keep, spare)
        for leftover in self.folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(leftover, ignore_errors=True)


def complete(folder: Path) -> list[Path]:
    """Checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir()) if folder.is_dir() else []


def outdated(folder: Path, keep: int) -> list[Path]:
    """Interval checkpoints in `folder` but for the newest `keep`."""
    return [path for path in complete(folder) if not read(path).lasting][:-keep]


def prune(folder: Path, keep: int, spare: str | None = None) -> None:
    """Remove what is outdated, except `spare`."""
    for path in outdated(folder, keep):
        if path.name != spare:
            going = folder / f"{_PARTIAL}{path.name}"  # no longer a checkpoint, should this be killed half-way
            path.rename(going)
            shutil.rmtree(going, ignore_errors=True)


def find(path: Path) -> Path:
    """The checkpoint that `path` means: itself, or the latest of the run whose output directory it is.

    Raises:
        InputError: there is none.
    """
    if (path / "state.json").is_file():
        return path
    found = complete(path / FOLDER) or complete(path)
    if not found:
        raise InputError(
            "no checkpoint here", file=path, remedy="give a run's `out` directory or one of its checkpoints"
        )
    return found[-1]


def read(path: Path) -> Saved:
    """The `state.json` of a checkpoint.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return parse((path / "state.json").read_bytes(), path)
    except OSError as error:
        problem = f"not a checkpoint of this trainer ({error})"
        raise InputError(problem, file=path, remedy="give a directory with state.json and *.safetensors") from None


def parse(state: bytes, place: Path | str) -> Saved:
    """The content of a `state.json`; `place` is its checkpoint's, for messages.

    Raises:
        InputError: it is damaged.
    """
    try:
        return Saved.model_validate_json(state)
    except ValidationError as error:
        problem = f"not a checkpoint of this trainer ({' '.join(str(error).split())})"
        raise InputError(problem, file=place, remedy="give a directory with state.json and *.safetensors") from None


def schedule_of(path: Path) -> Schedule | None:
    """The schedule that a checkpoint was trained under; None in checkpoints of older runs."""
    return Schedule.load(path / SCHEDULE) if (path / SCHEDULE).is_file() else None


def load_weights(path: Path, model: nn.Module, *, decoder_only: bool = False) -> None:
    """Set every parameter of `model`, or those of its decoder, from a checkpoint.

    Raises:
        InputError: the file is damaged, or holds another model's tensors.
    """
    start = "decoder." if decoder_only else ""
    tensors = {name: t for name, t in _tensors(path / "model.safetensors").items() if name.startswith(start)}
    parameters = {name: p for name, p in model.named_parameters() if name.startswith(start)}
    differing = {
        name for name in parameters.keys() | tensors.keys() if _shape(parameters, name) != _shape(tensors, name)
    }
    if differing:
        raise InputError(
            f"{len(differing)} tensors do not fit the model, '{min(differing)}' for one",
            file=path,
            field="model",
            remedy="use the model section that the checkpoint was trained with",
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(like(tensors[name], parameter))


def load_optimizer(path: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Set the optimizer's state from a checkpoint; parameters that it never stepped get none."""
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for key, value in _tensors(path / "optimizer.safetensors").items():
        name, _, part = key.rpartition("/")
        parameter = parameters[name]  # whatever has moments was trained, and so was loaded
        # Step counts stay on the CPU unless the kernel is fused, as torch's own loading has it.
        on_device = part != "step" or bool(optimizer.defaults.get("fused"))
        optimizer.state[parameter][part] = like(value, parameter) if on_device else value


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


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise InputError(f"damaged or missing tensors ({error})", file=file, remedy="use another checkpoint") from None


def _shape(tensors: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None
