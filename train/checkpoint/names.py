"""Names checkpoint folders (the position in 15 digits, exactly) and the logs beside them.

Copies that users put beside them (`1-best`, `000000000000072.bak`) are not checkpoints of the run, on disk or remote.
"""

from __future__ import annotations

import re

PATTERN = r"[0-9]{15}"
LOGS = ("run.json", "metrics.jsonl", "held_out.jsonl", "faults.jsonl", "changes.jsonl", "microbatch.json")
"""What a run that goes on elsewhere needs besides: on disk before a checkpoint is, and uploaded before it."""


def name_of(position: int) -> str:
    """The folder's name of the checkpoint at `position`."""
    return f"{position:015d}"


def is_checkpoint(name: str) -> bool:
    """Whether a folder of this name is a checkpoint."""
    return re.fullmatch(PATTERN, name) is not None
