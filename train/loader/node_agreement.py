"""What ranks agree on before they read: the outcome of a node's preparations, and names that are the run's own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed
from streaming.base.shared import SharedMemory
from streaming.base.shared.prefix import _get_path, _pack_locals
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


def own_prefix(streams_local: list[str], streams_remote: Any, world: World, retry: int = 0) -> Any:
    """A shared-memory prefix that no other run uses; same contract as Streaming's `get_shm_prefix`.

    Streaming looks for the first number that is free on the machine, which two jobs can win at once, and which a killed
    job may have left taken. A random one, which a node's first rank tells the others, is this loader's alone. Each node
    has its own: containers that pose as nodes may share one machine's memory and temporary files.
    """
    drawn = [secrets.randbits(48)] * world.num_ranks
    if distributed():
        torch.distributed.all_gather_object(drawn, drawn[0])
    prefix = drawn[world.node * world.ranks_per_node]
    name, data = _get_path(prefix, "locals"), _pack_locals(streams_local, prefix)
    if world.is_local_leader:
        shared = SharedMemory(name, True, len(data))
        shared.buf[: len(data)] = data
    if distributed():
        torch.distributed.barrier()
    if not world.is_local_leader:
        shared = SharedMemory(name, False)
    return prefix, shared
