"""Names of checkpoint folders: the position in 15 digits, exactly.

Copies that users put beside them (`1-best`, `000000000000072.bak`) are not checkpoints of the run, on disk or remote.
"""

from __future__ import annotations

import re

PATTERN = r"[0-9]{15}"


def name_of(position: int) -> str:
    """The folder's name of the checkpoint at `position`."""
    return f"{position:015d}"


def is_checkpoint(name: str) -> bool:
    """Whether a folder of this name is a checkpoint."""
    return re.fullmatch(PATTERN, name) is not None
