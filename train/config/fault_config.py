"""Defines which steps count as faulty and what follows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from train.config.finite import Finite

LEAST = 20
"""Steps of a source before its loss is judged."""


Action = Literal["stop", "skip", "roll_back"]


class FaultConfig(Finite):
    """When a step counts as faulty, and what follows."""

    non_finite: Action = "stop"
    """Loss or gradient norm is NaN or infinite."""
    spike: Literal["ignore", "stop", "skip", "roll_back"] = "ignore"
    """A source's loss is far above its average over the last `window` steps."""
    deviations: float = Field(default=6.0, gt=0)
    """How far, in standard deviations of the window (of at least 1 % of the average)."""
    window: int = Field(default=200, ge=LEAST)
    """Steps that a loss is compared with."""
    give_up: int = Field(default=1, gt=0)
    """After a roll-back: steps whose updates are withheld, the last of them the faulty one."""
    limit: int = Field(default=20, gt=0)
    """Faults in a run before it stops whatever the policy: so many are no accident."""
