"""Builds a sharded model whose initial weights exist once, in the main memory of rank 0, and not on every rank.

Every rank builds the model without memory for its weights (torch's `meta` device), shards it, and gets memory for its
share; rank 0 builds it with weights as well, and each tensor's rows go from there to the ranks that keep them. So the
weights are those of an unsharded start, and a node needs 4 bytes a parameter of main memory, not 4 for each rank.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from composer.devices import Device
from composer.utils import dist
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from train.models.towers import Shapes
from train.models.vlm import VisionLanguageModel

Build = Callable[[Shapes | None], VisionLanguageModel]
"""The model with the run's seed; with shapes, towers are built from these and not loaded."""


def build_sharded(
    build: Build, place: Callable[[VisionLanguageModel], None], towers: Shapes | None, device: Device
) -> VisionLanguageModel:
    """The model, sharded, with its initial weights; call it on every rank.

    Args:
        build: makes it.
        place: shards it, in place.
        towers: shapes of towers whose weights come from a checkpoint.
        device: of the ranks.
    """
    source = build(towers) if dist.get_global_rank() == 0 else None
    told: list[Any] = [None if source is None else source.shapes]
    dist.broadcast_object_list(told)
    with torch.device("meta"):
        model = build(told[0])
    place(model)
    nn.Module.to_empty(model, device=torch.device("cuda" if device.name == "gpu" else "cpu"))
    weights = dict(source.named_parameters()) if source is not None else {}
    buffers = dict(source.named_buffers()) if source is not None else {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            assert isinstance(parameter, DTensor)
            whole = weights.get(name, torch.empty(0))
            rows = distribute_tensor(_on(whole, parameter), parameter.device_mesh, parameter.placements)
            parameter.to_local().copy_(rows.to_local())
        for name, buffer in model.named_buffers():
            if source is not None:
                buffer.copy_(buffers[name])
            dist.broadcast(buffer, src=0)
    return model


def _on(whole: torch.Tensor, parameter: DTensor) -> torch.Tensor:
    """`whole` where the parameter is; on the ranks that have not got it, room for it."""
    device = parameter.to_local().device
    if whole.shape == parameter.shape:
        return whole.detach().to(device, parameter.dtype)
    return torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
