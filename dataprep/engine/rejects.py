"""Lists the rows that do not get into a dataset, each with a reason code to count and a detail for people.

A row is written or rejected, never lost: a task's receipt carries the counts, which the manifest adds up and checks,
and the rows themselves stand as JSON lines beside the dataset, under `rejects/`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import IO, Any

import orjson

from dataprep.engine.task_workspace import Scratch

FOLDER = "rejects"
MAX_DETAIL = 300
_IN_MEMORY = 8 << 20
"""Bytes of a list that are held in memory; a longer one is on disk."""


def part_file(task: int, digits: int = 5) -> str:
    """Name of the rejects of task number `task`, below the dataset's root."""
    return f"{FOLDER}/{task:0{digits}}.jsonl"


class RejectError(Exception):
    """Raised where a row turns out to be unusable; `reason` is a code from a fixed set, `detail` is free text."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = str(reason), detail


@dataclass(frozen=True, slots=True)
class Reject:
    """One unusable row of a file, where a reader goes on to the next row and raises nothing."""

    line: int
    """From 1."""
    reason: str
    detail: str = ""


@dataclass
class Rejects:
    """The rejects of one task, in input order."""

    file: str | None = None
    """Where rows go by their line in one file: that file, which is named with every row."""
    counts: Counter[str] = field(default_factory=Counter)
    _lines: IO[bytes] = field(default_factory=lambda: tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115

    def add(self, row: str | int, reason: str, detail: str = "") -> None:
        """Record that `row` was rejected; long or unprintable details are shortened and cleaned."""
        self.counts[str(reason)] += 1
        why = {"reason": str(reason), "detail": _clean(detail)}
        if self.file is None:
            self._lines.write(orjson.dumps({"row": _clean(str(row)), **why}) + b"\n")
        else:
            about = {"file": self.file, "line": row, **why}
            self._lines.write(orjson.dumps(about, option=orjson.OPT_SORT_KEYS) + b"\n")

    def account(self, written: int) -> dict[str, Any]:
        """The receipt's row counts, `written` rows having got through."""
        return {"rows": written + self.counts.total(), "written": written, "rejected": dict(self.counts)}

    def jsonl(self) -> bytes:
        """All records as JSON lines."""
        self._lines.seek(0)
        return self._lines.read()

    def publish(self, scratch: Scratch, name: str) -> None:
        """Put the list, if there is one, at its place in the dataset."""
        if self._lines.tell():
            scratch.publish_bytes(self.jsonl(), name)


def _clean(text: str) -> str:
    return text[:MAX_DETAIL].encode("utf-8", "backslashreplace").decode()
