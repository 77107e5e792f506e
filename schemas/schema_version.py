"""Tells a file that a later release wrote from a damaged one.

Every kind of file that outlives a run carries a schema version, which grows when an older release could no longer read
the file rightly. A field that may be absent is no new version: where it is there, an older release refuses it by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from common.errors import InputError

FileKind = Literal[
    "plan", "manifest", "provenance index", "schedule", "lock", "sweep", "checkpoint", "export", "results"
]
READS: dict[FileKind, tuple[int, ...]] = {
    "plan": (1, 2),
    "manifest": (1,),
    "provenance index": (1,),
    "schedule": (1,),
    "lock": (1,),
    "sweep": (1,),
    "checkpoint": (1, 2, 3),
    "export": (1,),
    "results": (1,),
}
"""Schema versions that this release reads, the last of which it writes (2 for checkpoints that need no 3)."""


def refuse_later(kind: FileKind, content: Any, file: str | Path) -> None:
    """Refuse `content` (parsed, or the bytes of JSON) where its schema is later than those that this release reads.

    Call it where a file cannot be read, before it is called damaged.

    Raises:
        InputError: it is of a later schema.
    """
    if isinstance(content, bytes):
        try:
            content = json.loads(content)
        except ValueError:
            return
    version = content.get("version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > READS[kind][-1]:
        raise InputError(
            f"{kind} of schema {version}; this release reads {' and '.join(map(str, READS[kind]))}",
            file=file,
            field="version",
            remedy="use the release that wrote it, or a later one",
        )
