"""Loads weights and optimizer state from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from common.errors import InputError
from train.models.sharding import like


def load_weights(path: Path, model: nn.Module, *, decoder_only: bool = False) -> None:
    """Set every parameter of `model`, or those of its decoder, from a checkpoint whose digests have been checked.

    Raises:
        InputError: the file is damaged, or holds another model's tensors.
    """
    start = "decoder." if decoder_only else ""
    tensors = {name: t for name, t in read_tensors(path / "model.safetensors").items() if name.startswith(start)}
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
    """Set the optimizer's state from a checkpoint; parameters that it never stepped get none.

    Raises:
        InputError: the file is damaged, or holds another model's state.
    """
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for key, value in read_tensors(path / "optimizer.safetensors").items():
        name, _, part = key.rpartition("/")
        parameter = parameters.get(name)
        if parameter is None or (part != "step" and value.shape != parameter.shape):
            raise InputError(
                f"'{key}' does not fit the model", file=path / "optimizer.safetensors", remedy="use another checkpoint"
            )
        # Step counts stay on the CPU unless the kernel is fused, as torch's own loading has it.
        on_device = part != "step" or bool(optimizer.defaults.get("fused"))
        optimizer.state[parameter][part] = like(value, parameter) if on_device else value


def read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise InputError(f"damaged or missing tensors ({error})", file=file, remedy="use another checkpoint") from None


def _shape(tensors: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None
