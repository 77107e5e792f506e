"""Loads weights and optimizer state from a checkpoint; a sharded rank reads its own rows alone."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from common.errors import InputError
from train.checkpoint.names import pieces_of
from train.checkpoint.tensor_file import TensorFiles
from train.models.sharding import part

MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
"""What AdamW keeps of a parameter."""


def load_weights(path: Path, model: nn.Module, *, decoder_only: bool = False) -> None:
    """Set every parameter of `model`, or those of its decoder, from a checkpoint whose digests have been checked.

    Raises:
        InputError: the file is damaged, or holds another model's tensors.
    """
    start = "decoder." if decoder_only else ""
    tensors = read_tensors(path / "model.safetensors")
    parameters = {name: p for name, p in model.named_parameters() if name.startswith(start)}
    names = parameters.keys() | {name for name in tensors if name.startswith(start)}
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    differing = {name for name in names if shapes.get(name) != tensors.shape(name)}
    if differing:
        raise InputError(
            f"{len(differing)} tensors do not fit the model, '{min(differing)}' for one",
            file=path,
            field="model",
            remedy="use the model section that the checkpoint was trained with",
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            _fill(parameter, tensors, name)


def load_optimizer(path: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Set the optimizer's state from a checkpoint; parameters that it never stepped get none.

    Raises:
        InputError: the file is damaged, or holds another model's state.
    """
    parameters = dict(model.named_parameters())
    found: dict[str, set[str]] = {}
    optimizer.state.clear()
    file = path / "optimizer.safetensors"
    tensors = read_tensors(file)
    for key in tensors:
        name, _, kind = key.rpartition("/")
        parameter = parameters.get(name)
        wanted = None if parameter is None else () if kind == "step" else tuple(parameter.shape)
        if parameter is None or kind not in MOMENTS or tensors.shape(key) != wanted:
            raise InputError(f"'{key}' does not fit the model", file=file, remedy="use another checkpoint")
        found.setdefault(name, set()).add(kind)
        if kind == "step":  # it stays on the CPU unless the kernel is fused, as torch's own loading has it
            step = tensors[key]
            optimizer.state[parameter][kind] = step.to(parameter.device) if optimizer.defaults.get("fused") else step
            continue
        moment = torch.empty_like(parameter, requires_grad=False)
        _fill(moment, tensors, key)
        optimizer.state[parameter][kind] = moment
    if lacking := sorted(name for name, kinds in found.items() if kinds != MOMENTS):
        problem = f"moments of {len(lacking)} parameters are missing, of '{lacking[0]}' for one"
        raise InputError(problem, file=file, remedy="use another checkpoint")


def read_tensors(file: Path) -> TensorFiles:
    """The tensors of `file`, or of the pieces of it that sharded ranks have written in its place.

    Raises:
        InputError: it is missing or damaged.
    """
    return TensorFiles([file] if file.exists() else pieces_of(file) or [file])


def _fill(tensor: Tensor, tensors: TensorFiles, name: str) -> None:
    """Copy this rank's rows of the tensor called `name` into `tensor`."""
    mine = part(tensor)
    mine.rows.copy_(tensors.rows(name, mine.first, mine.first + len(mine.rows)) if mine.total else tensors[name])
