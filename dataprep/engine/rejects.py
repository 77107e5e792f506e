"""Rejects: rows that do not get into a dataset, each with a reason code to count and a detail for people.

A row is written or rejected, never lost: a task's receipt carries the counts, which the manifest adds up and checks,
and the rows themselves stand as JSON lines beside the dataset, under `rejects/`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

FOLDER = "rejects"
MAX_DETAIL = 300


def part_file(task: int) -> str:
    """Name of the rejects of task number `task`, below the dataset's root."""
    return f"{FOLDER}/{task:05}.jsonl"


class RejectError(Exception):
    """Raised where a row turns out to be unusable; `reason` is a code from a fixed set, `detail` is free text."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = str(reason), detail


@dataclass
class Rejects:
    """The rejects of one task, in input order."""

    counts: Counter[str] = field(default_factory=Counter)
    _lines: list[bytes] = field(default_factory=list)

    def add(self, row: str, reason: str, detail: str = "") -> None:
        """Record that the row named `row` was rejected; long or unprintable details are shortened and cleaned."""
        self.counts[str(reason)] += 1
        self._lines.append(orjson.dumps({"row": _clean(row), "reason": str(reason), "detail": _clean(detail)}))

    def account(self, written: int) -> dict[str, Any]:
        """The receipt's row counts, `written` rows having got through."""
        return {"rows": written + self.counts.total(), "written": written, "rejected": dict(self.counts)}

    def jsonl(self) -> bytes:
        """All records as JSON lines."""
        return b"".join(line + b"\n" for line in self._lines)


def _clean(text: str) -> str:
    return text[:MAX_DETAIL].encode("utf-8", "backslashreplace").decode()
