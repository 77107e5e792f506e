"""Provides a group of all ranks whose collectives wait for hours, for what ranks do while one of them reads or fetches.

The default group ends a run whose ranks wait for ten minutes, as it should while training. A trunk of many gigabytes
takes longer to arrive.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch.distributed

PATIENCE = timedelta(hours=12)
_made: tuple[Any, Any] = (None, None)
"""The default group, and the group made for it."""


def patient_group() -> Any:
    """The group; None for a process that is alone. The first call is a collective."""
    global _made
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return None
    default = torch.distributed.group.WORLD
    if _made[0] is not default:
        _made = default, new_patient_group()
    return _made[1]


def new_patient_group() -> Any:
    """Another such group, for what goes on beside training; a collective."""
    return torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
