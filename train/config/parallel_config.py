"""Defines how a model is spread over ranks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.errors import InputError
from train.config.finite import Finite


class ParallelConfig(Finite):
    """How ranks share the model."""

    strategy: Literal["ddp", "fsdp"] = "ddp"
    """`ddp`: every rank holds the whole model and optimizer. `fsdp`: FSDP2, each rank holds its share of both."""
    replicas: int = Field(default=1, gt=0)
    """Copies of the sharded model (HSDP): ranks / replicas share a copy; the number of nodes is a good value."""
    reshard_after_forward: bool = True
    """Give a block's gathered weights up between forward and backward: less memory, one more gather."""
    reduce_every_microbatch: bool = False
    """With `fsdp`: exchange gradients after every micro-batch instead of the last one of a step; they then take the
    memory of a rank's share instead of the whole model's (4 bytes a parameter)."""

    def shape(self, ranks: int) -> tuple[int, ...]:
        """The mesh's: (shards,), or (replicas, shards).

        Raises:
            InputError: replicas do not divide ranks.
        """
        if ranks % self.replicas:
            raise InputError(
                f"{ranks} ranks cannot hold {self.replicas} replicas evenly",
                field="parallel.replicas",
                remedy="choose a divisor of the number of ranks",
            )
        return (ranks,) if self.replicas == 1 else (self.replicas, ranks // self.replicas)
