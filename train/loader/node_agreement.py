"""Does a node's preparations once, on its first rank, and tells the other ranks what came of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed
from streaming.base.world import World

from common.errors import InputError

T = TypeVar("T")


def distributed() -> bool:
    """Whether there are other ranks to agree with."""
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())


def on_each_node(world: World, work: Callable[[], T]) -> T:
    """Do `work` on the first rank of every node; returns its outcome on all ranks of the node.

    Raises:
        InputError: it failed somewhere: the same error on every rank, so that all of them end.
    """
    outcome: tuple[Any, str | None] = (None, None)
    if world.is_local_leader:
        try:
            outcome = (work(), None)
        except InputError as error:
            outcome = (None, str(error))
    outcomes = [outcome] * world.num_ranks
    if distributed():
        torch.distributed.all_gather_object(outcomes, outcome)
    if failed := [problem for _, problem in outcomes if problem is not None]:
        raise InputError(failed[0])
    found: T = outcomes[world.node * world.ranks_per_node][0]
    return found
