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

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from common.errors import InputError
from train.config.parallel_config import ParallelConfig


def mesh_of(config: ParallelConfig, ranks: int, device: str) -> DeviceMesh:
    """Arrange the ranks in the shape that `config` asks for.

    Raises:
        InputError: replicas do not divide ranks, or there is no GPU for them.
    """
    shape = config.shape(ranks)
    if len(shape) == 2 and device == "cpu":  # torch 2.7 asserts on a CUDA event there
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


def like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """`tensor`, which every rank holds whole, placed as `parameter` is; sharded without communication."""
    tensor = tensor.to(parameter.device)
    if isinstance(parameter, DTensor) and tensor.shape == parameter.shape:
        return distribute_tensor(tensor, parameter.device_mesh, parameter.placements, src_data_rank=None)
    return tensor
