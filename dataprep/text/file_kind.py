"""Tells what an input file holds: by its first bytes, then by its name, then by the first character of its text.

A folder of a release holds more than data (README, checksums, the archive that it was unpacked from), and read as JSON
lines each would be rejects under a job that succeeds. What is not JSON lines or Parquet is therefore an error that
names the file, before any work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from common.errors import InputError
from dataprep.storage import beginning
from dataprep.storage.beginning import Beginning

_JSON_LINES = (".jsonl", ".json", ".ndjson", ".jsonlines", ".jl")
_READ = "give JSON lines (also .gz, .zst, .bz2, .xz) or Parquet, or leave it out of the inputs"
_SPREAD = re.compile(rb"\{[ \t]*\r?\n|\[\s*(?:[\[\]{]|$)|\[[ \t]*\r?\n")
"""Begins a JSON array of rows, or an object that is written over several lines."""


@dataclass(frozen=True)
class FileKind:
    """How to read an input."""

    parquet: bool = False
    codec: str | None = None
    """Compression of JSON lines."""
    refusal: tuple[str, str] | None = None
    """Why it is not read, and what to do about it."""


def check(uri: str) -> None:
    """Refuse an input that is neither JSON lines nor Parquet.

    Raises:
        InputError: it is neither, or it does not exist.
    """
    if refusal := of(uri).refusal:
        raise InputError(refusal[0], file=uri, remedy=refusal[1])


def of(uri: str) -> FileKind:
    """The kind of the file `uri`.

    Damage is not judged: a stream that breaks off early has the kind that its name calls for.

    Raises:
        InputError: it does not exist.
    """
    found = beginning.of(uri, _READ)
    if found.refusal:
        return FileKind(refusal=found.refusal)
    if found.parquet:
        return FileKind(parquet=True)
    return _plain(found)


def _plain(found: Beginning) -> FileKind:
    text = found.text
    if _SPREAD.match(text):
        return FileKind(refusal=("JSON over several lines, not an object a line", "rewrite it with `jq -c '.[]'`"))
    if text.startswith(b"{") or not text:
        return FileKind(codec=found.codec)
    if not found.stem.endswith(_JSON_LINES):
        return FileKind(refusal=(f"no kind of file that is read (it begins with {text[:12]!r})", _READ))
    if b"\0" in found.head:
        return FileKind(refusal=("not JSON lines, as its name says, but binary", _READ))
    return FileKind(codec=found.codec)
