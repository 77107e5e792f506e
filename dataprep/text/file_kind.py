"""Tells what an input file holds: by its first bytes, then by its name, then by the first character of its text.

A folder of a release holds more than data (README, checksums, the archive that it was unpacked from), and read as JSON
lines each would be rejects under a job that succeeds. What is not JSON lines or Parquet is therefore an error that
names the file, before any work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import zstandard

from common.errors import InputError
from dataprep.storage import files, magic
from dataprep.storage.lines import BROKEN, opened

HEAD = 1 << 16
"""Bytes looked at."""
WINDOW = 1 << 27
"""Largest zstd window that is read, in bytes: the limit of every decoder that is not told otherwise."""
_SUFFIXES = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".xz": "xz"}
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
    with files.open_input(uri) as stream:
        head = bytes(stream.read(HEAD))
    name = files.basename(uri).lower()
    if head.startswith(magic.PARQUET):
        return FileKind(parquet=True)
    named = next((codec for suffix, codec in _SUFFIXES.items() if name.endswith(suffix)), None)
    if codec := magic.codec(head):
        return _compressed(uri, head, codec, name)
    if kind := magic.foreign(head):
        return FileKind(refusal=(kind, magic.remedy(kind, _READ)))
    if named and not head.lstrip().startswith(b"{"):
        return FileKind(codec=named)
    return FileKind(parquet=True) if name.endswith(".parquet") else _plain(head, name, None)


def _compressed(uri: str, head: bytes, codec: str, name: str) -> FileKind:
    if codec == "zstd" and (window := _window(head)) > WINDOW:
        problem = f"its zstd window of {window >> 20:,} MiB (`--long`) would take as much memory"
        return FileKind(refusal=(problem, "compress it again with `zstd --long=27` or without `--long`"))
    try:
        with opened(uri, codec) as stream:
            inner = bytes(stream.read(HEAD))
    except BROKEN:
        return FileKind(codec=codec)
    kind = "a Parquet file" if inner.startswith(magic.PARQUET) else magic.foreign(inner)
    if magic.codec(inner):
        kind = "a stream compressed twice"
    if kind:
        return FileKind(refusal=(f"{kind} in a {codec} stream", magic.remedy(kind, _READ)))
    stem = name.rpartition(".")[0] if name.endswith(tuple(_SUFFIXES)) else name
    return _plain(inner, stem, codec)


def _plain(head: bytes, name: str, codec: str | None) -> FileKind:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _SPREAD.match(text):
        return FileKind(refusal=("JSON over several lines, not an object a line", "rewrite it with `jq -c '.[]'`"))
    if text.startswith(b"{") or not text:
        return FileKind(codec=codec)
    if not name.endswith(_JSON_LINES):
        return FileKind(refusal=(f"no kind of file that is read (it begins with {text[:12]!r})", _READ))
    if b"\0" in head:
        return FileKind(refusal=("not JSON lines, as its name says, but binary", _READ))
    return FileKind(codec=codec)


def _window(head: bytes) -> int:
    try:
        return int(zstandard.get_frame_parameters(head).window_size)
    except zstandard.ZstdError:
        return 0
