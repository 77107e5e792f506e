"""Spreads the model over ranks: DDP for models that fit a GPU with their optimizer, FSDP2 for the others.

Composer wraps a model in DDP by itself, and leaves one alone that is sharded already. So sharding happens here, before
Composer sees the model: every decoder and encoder block is a unit of its own, gathered just before it runs; what
remains (embeddings, norms, projector) is the root's. With `replicas` the mesh has two dimensions (HSDP): weights are
sharded inside a replica, gradients averaged across replicas, so that the gathering stays inside a node.

A unit is gathered by all ranks or by none: every rank runs every block in every micro-batch (see `train.models.vlm` for
ranks without images, `train.loader.rows.microbatches` for ranks with fewer rows).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.torch_version import TorchVersion

from common.errors import InputError
from train.config.parallel_config import ParallelConfig

REPLICAS_ON_CPU = TorchVersion(torch.__version__) >= "2.11"
"""Whether replicas run without GPUs; torch 2.7 asserts on a CUDA event there."""


def mesh_of(config: ParallelConfig, ranks: int, device: str) -> DeviceMesh:
    """Arrange the ranks in the shape that `config` asks for.

    Raises:
        InputError: replicas do not divide ranks, or there is no GPU for them.
    """
    shape = config.shape(ranks)
    if len(shape) == 2 and device == "cpu" and not REPLICAS_ON_CPU:
        raise InputError("replicas need GPUs", field="parallel.replicas", remedy="use 1")
    return init_device_mesh(device, shape, mesh_dim_names=("replicate", "shard")[-len(shape) :])


def shard(
    model: nn.Module, blocks: Iterable[nn.Module], config: ParallelConfig, mesh: DeviceMesh, precision: str
) -> None:
    """Shard `model` in place over `mesh`; its parameters become DTensors on the mesh's device.

    Gradients are averaged in fp32 whatever the precision. Inputs are not cast: rotary angles stay in fp32.
    """
    compute = torch.bfloat16 if precision == "amp_bf16" else None
    # torch 2.7 asks for an average in fp32, and gloo's reduce-scatter takes that for a sum without a word: gradients
    # come out too large by the number of ranks. In fp64 torch divides by itself.
    reduce = torch.float32 if mesh.device_type == "cuda" else torch.float64
    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=reduce, cast_forward_inputs=False)
    for block in blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy, reshard_after_forward=config.reshard_after_forward)
    fully_shard(model, mesh=mesh, mp_policy=policy)


def scatter_again(model: nn.Module) -> None:
    """Give up what a pass without backward has left gathered of a sharded model; any other model stays as it is.

    The root stays gathered after a forward pass, for the backward pass that scatters it again. Until then its
    parameters are others, in the precision of the computation, and unknown to the optimizer.
    """
    for unit in model.modules():
        if isinstance(unit, FSDPModule):
            unit.reshard()


def whole(tensor: Tensor) -> Tensor:
    """`tensor` itself, or all of a sharded one. A collective for the latter: call it on every rank, in one order."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


class Part(NamedTuple):
    """The rows of a tensor that this rank keeps."""

    rows: Tensor
    """All of the tensor, where it is not sharded."""
    first: int
    total: int
    """Rows of the whole tensor; 0 for a number."""

    @property
    def is_cut(self) -> bool:
        """Whether other ranks keep other rows."""
        return self.total > 0 and len(self.rows) < self.total


def part(tensor: Tensor) -> Part:
    """This rank's rows of `tensor`, without communication and without a copy."""
    tensor = tensor.detach()
    total = tensor.shape[0] if tensor.ndim else 0
    if not isinstance(tensor, DTensor):
        return Part(tensor, 0, total)
    local = tensor.to_local()
    index, count = shard_of(tensor)
    first = min(index * -(-total // count), total)  # rows are dealt as torch.chunk deals them
    assert len(local) == min(-(-total // count), total - first)
    return Part(local, first, total)


def shard_of(tensor: DTensor) -> tuple[int, int]:
    """Which of how many shards of `tensor` this rank holds."""
    (dimension,) = (number for number, placement in enumerate(tensor.placements) if placement.is_shard())
    coordinate = tensor.device_mesh.get_coordinate()
    assert coordinate is not None
    return coordinate[dimension], tensor.device_mesh.size(dimension)


def is_first_copy(tensor: DTensor) -> bool:
    """Whether this rank belongs to the first of the replicas that hold `tensor`."""
    coordinate = tensor.device_mesh.get_coordinate()
    assert coordinate is not None
    copies = (number for number, placement in enumerate(tensor.placements) if not placement.is_shard())
    return not any(coordinate[number] for number in copies)
