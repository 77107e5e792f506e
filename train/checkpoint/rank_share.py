"""Decides which tensors a rank saves, in which files, and copies them to main memory.

Of a model that every rank holds, rank 0 saves all. Of a sharded one, every rank of the first replica saves its own rows
in files of its own. Those that do not see the folder, which is on another node's disk then, send them to rank 0.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from composer.utils import dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from train.checkpoint.host_copy import HostCopy
from train.checkpoint.names import KINDS, tensor_file
from train.checkpoint.patient_group import new_patient_group
from train.checkpoint.relay import File, Relay
from train.models.sharding import is_first_copy, part, shard_of


class RankShare:
    """This rank's share of the saves of `model` to `folder`. Make it on every rank: they agree on who writes."""

    def __init__(self, model: nn.Module, folder: Path) -> None:
        self._model = model
        self._memory = HostCopy()
        sharded = next((p for p in model.parameters() if isinstance(p, DTensor)), None)
        self.index, self.count = 0, 1
        self.writes = dist.get_global_rank() == 0
        if sharded is not None:
            self.writes, (self.index, self.count) = is_first_copy(sharded), shard_of(sharded)
        told = dist.all_gather_object((self.writes, _sees(folder)))
        self.writers = tuple(rank for rank, (writes, _) in enumerate(told) if writes)
        senders = frozenset(rank for rank, (writes, sees) in enumerate(told) if writes and not sees)
        self.relay = Relay(new_patient_group(), dist.get_global_rank(), senders) if senders else None

    def reserve(self) -> None:
        """Find the main memory for the first save now, not while training waits: of weights and two moments."""
        if self.writes:
            parameters = list(self._model.parameters())
            sizes = [(1 + 2 * p.requires_grad) * (part(p).rows.nbytes + 64) for p in parameters]
            self._memory.reserve(sum(sizes) + 128 * len(parameters))

    def files(self, optimizer: Optimizer) -> dict[str, File]:
        """The files of this rank and their content at this moment, in main memory.

        Raises:
            RuntimeError: the model's parameters are not those that the optimizer trains.
        """
        _check_known(self._model, optimizer)
        if not self.writes:
            return {}
        weights: dict[str, Tensor] = dict(self._model.named_parameters())
        tensors = dict(zip(KINDS, (weights, _moments(self._model, optimizer)), strict=True))
        parts = {
            (kind, name): part(tensor)
            for kind, group in tensors.items()
            for name, tensor in group.items()
            if self.index == 0 or isinstance(tensor, DTensor)
        }
        parts = {key: one for key, one in parts.items() if self.index == 0 or len(one.rows)}
        held = self._memory.take({key: one.rows for key, one in parts.items()})
        return {
            tensor_file(kind, self.index, self.count): File(
                {name: held[of, name] for of, name in held if of == kind},
                {name: (one.first, one.total) for (of, name), one in parts.items() if of == kind and one.is_cut},
            )
            for kind in KINDS
        }

    def release(self) -> None:
        """Give the main memory back."""
        self._memory.release()


def _moments(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}/{kind}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }


def _check_known(model: nn.Module, optimizer: Optimizer) -> None:
    """Refuse what would be saved without its moments, and perhaps rounded: a gathered parameter of a sharded model."""
    known = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    strange = [name for name, p in model.named_parameters() if p.requires_grad and p not in known]
    if strange:
        raise RuntimeError(
            f"not saved: the optimizer does not know {len(strange)} trained parameters, '{strange[0]}' for one; "
            "a pass without backward may have left them gathered (train.models.sharding.scatter_again)"
        )


def _sees(folder: Path) -> bool:
    """Whether this rank sees what rank 0 puts into `folder`."""
    told = [""]
    if dist.get_global_rank() == 0:
        told = [f".{uuid.uuid4().hex}.seen"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / told[0]).touch()
    dist.broadcast_object_list(told)
    seen = (folder / told[0]).exists()
    if dist.get_world_size() > 1:
        dist.barrier()
    if dist.get_global_rank() == 0:
        (folder / told[0]).unlink(missing_ok=True)
    return seen
