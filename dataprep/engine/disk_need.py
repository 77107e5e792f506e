"""Says roughly how much room the rest of a stage takes, for the message of a disk that is full."""

from __future__ import annotations

import contextlib
import os

from common.errors import InputError
from common.resources import size
from dataprep.engine.paths import PLAN_NAME, STAGING
from dataprep.storage import files


def used(out: str) -> int:
    """Bytes in use on the file system of `out`; 0 where that is no local one."""
    if not files.is_local(out):
        return 0
    with contextlib.suppress(OSError):
        said = os.statvfs(out)
        return (said.f_blocks - said.f_bfree) * said.f_frsize
    return 0


def needed(out: str, before: int, done: int, tasks: int) -> str:
    """Says what the rest of a stage needs, from what `done` of its tasks have written; without any, what comes in.

    Args:
        before: `used` when the stage began.
    """
    written = used(out) - before
    if done and written > 0:
        left = size(written / done * (tasks - done))
        return f"the other {tasks - done:,} of {tasks:,} tasks of this stage need about {left}"
    with contextlib.suppress(InputError, KeyError, TypeError):
        inputs = files.read_json(files.join(out, STAGING, PLAN_NAME))["inputs"]
        return f"the inputs are {size(sum(one['bytes'] for one in inputs))}"
    return "how much is needed is not known"
