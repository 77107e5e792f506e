"""Names checkpoint folders (the position in 15 digits, exactly), the files in them and the logs beside them.

Copies that users put beside them (`1-best`, `000000000000072.bak`) are not checkpoints of the run, on disk or remote.
The tensors of `model` and `optimizer` are a file each, or one for each of N ranks: `model-00001-of-0000N.safetensors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PATTERN = r"[0-9]{15}"
LOGS = ("run.json", "metrics.jsonl", "held_out.jsonl", "faults.jsonl", "changes.jsonl", "microbatch.json")
"""What a run that goes on elsewhere needs besides: on disk before a checkpoint is, and uploaded before it."""
STATE = "state.json"
SCHEDULE = "schedule.json"
KINDS = ("model", "optimizer")
_ENDING = ".safetensors"


def name_of(position: int) -> str:
    """The folder's name of the checkpoint at `position`."""
    return f"{position:015d}"


def is_checkpoint(name: str) -> bool:
    """Whether a folder of this name is a checkpoint."""
    return re.fullmatch(PATTERN, name) is not None


def tensor_file(kind: str, index: int = 0, count: int = 1) -> str:
    """The name of the file with part `index` of `count` of the tensors of `kind`."""
    return f"{kind}{_ENDING}" if count == 1 else f"{kind}-{index + 1:05d}-of-{count:05d}{_ENDING}"


def pieces_of(file: Path) -> list[Path]:
    """The files beside `file` that hold parts of its tensors."""
    return sorted(file.parent.glob(f"{file.name.removesuffix(_ENDING)}-?????-of-?????{_ENDING}"))


def content(named: Iterable[str]) -> tuple[str, ...] | None:
    """The files of a checkpoint besides `state.json`, in one order, where `named` are all of them; else None."""
    names = set(named)
    pieces = [found[1] for name in names if (found := re.fullmatch(rf"model-00001-of-([0-9]{{5}}){_ENDING}", name))]
    count = int(pieces[0]) if pieces else 1
    due = (*(tensor_file(kind, index, count) for kind in KINDS for index in range(count)), SCHEDULE)
    return due if names == set(due) else None
