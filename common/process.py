"""Ends a child process together with its parent."""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: int, parent: int | None = None) -> None:
    """Have the kernel send this process the signal `number` when its parent ends, however it ends (Linux).

    Args:
        parent: id of the parent, where it may have ended before this call: then this process ends here.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
