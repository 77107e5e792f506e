"""Documents from JSON lines (`.jsonl`, `.jsonl.gz`, `.jsonl.zst`), in constant memory, nothing passed over silently.

A row either yields a `Document` or a `Reject` with its file, line and a reason code. A stream that breaks off
(truncated zstd, corrupt gzip) is the file's own failure: `unreadable` decides whether it stops the job or becomes one
reject.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from dataprep import files
from dataprep.text.config import TextJob
from schemas.errors import InputError

BLOCK = 4 << 20
"""Decompressed bytes read at a time."""
_CODECS = {".zst": "zstd", ".zstd": "zstd", ".gz": "gzip"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of an input file."""

    line: int
    """From 1."""
    text: str
    provenance: tuple[str | None, ...]
    """Values of the job's `provenance` fields; None where absent or not a string."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that is not written, and why."""

    line: int
    reason: str
    """Code: invalid_json, invalid_utf8, not_an_object, missing_text, text_not_a_string, empty_text, line_too_long,
    unreadable."""
    detail: str = ""


def documents(uri: str, job: TextJob) -> Iterator[Document | Reject]:
    """All rows of the file `uri`, in order.

    Raises:
        InputError: the stream is damaged and `job.unreadable` is `fail`.
    """
    text_path = job.text_field.split(".")
    paths = [field.split(".") for field in job.provenance]
    number = 0
    try:
        for number, line in enumerate(_lines(uri, job.max_line_bytes), 1):
            yield _row(number, line, text_path, paths)
    except (OSError, pa.ArrowException) as error:
        detail = str(error).splitlines()[0]
        if job.unreadable == "fail":
            raise InputError(
                f"cannot be read beyond this line ({detail})",
                file=uri,
                line=number + 1,
                field="unreadable",
                remedy="fetch the file again, or set `unreadable: reject` to keep what can be read",
            ) from None
        yield Reject(number + 1, "unreadable", detail)


def _row(number: int, line: bytes | None, text_path: list[str], paths: list[list[str]]) -> Document | Reject:
    if line is None:
        return Reject(number, "line_too_long")
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            line.decode()
        except UnicodeDecodeError as wrong:
            return Reject(number, "invalid_utf8", f"byte {wrong.start}: {wrong.reason}")
        return Reject(number, "invalid_json", str(error))
    if not isinstance(row, dict):
        return Reject(number, "not_an_object", type(row).__name__)
    text = row.get(text_path[0]) if len(text_path) == 1 else _at(row, text_path)
    if not isinstance(text, str):
        return Reject(number, "missing_text" if text is None else "text_not_a_string", type(text).__name__)
    if not text:
        return Reject(number, "empty_text")
    return Document(number, text, tuple(_string(_at(row, path)) for path in paths))


def _at(row: Any, path: list[str]) -> Any:
    for part in path:
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _lines(uri: str, limit: int) -> Iterator[bytes | None]:
    """Lines without their ends; None for a line of more than `limit` bytes. Raises what the stream raises."""
    codec = next((name for suffix, name in _CODECS.items() if uri.endswith(suffix)), None)
    rest, too_long = b"", False
    for block in _blocks(uri, codec):
        *whole, last = block.split(b"\n")
        if whole:
            yield None if too_long or len(rest) + len(whole[0]) > limit else rest + whole[0]
            for line in whole[1:]:
                yield line if len(line) <= limit else None
            rest, too_long = last, False
        elif not too_long:
            rest += last
        if len(rest) > limit:
            rest, too_long = b"", True
    if rest or too_long:
        yield None if too_long else rest


def _blocks(uri: str, codec: str | None) -> Iterator[bytes]:
    """Decompressed blocks, without a byte order mark; of a stream that breaks off, all up to the break, then raises."""
    position = 0
    try:
        with _open(uri, codec) as stream:
            while block := stream.read(BLOCK):
                yield block if position else block.removeprefix(_BYTE_ORDER_MARK)
                position += len(block)
    except (OSError, pa.ArrowException):
        if rest := _salvage(uri, codec, position):
            yield rest
        raise


def _salvage(uri: str, codec: str | None, position: int) -> bytes:
    """What a broken stream still gives after `position`: its last read failed as a whole, so smaller ones are tried."""
    rest = bytearray()
    for step in (1 << 12, 1):
        with contextlib.suppress(OSError, pa.ArrowException), _open(uri, codec) as stream:
            left = position + len(rest)
            while left:
                left -= len(stream.read(min(left, BLOCK)))
            while piece := stream.read(step):
                rest += piece
    return bytes(rest)


def _open(uri: str, codec: str | None) -> pa.NativeFile:
    raw = files.open_input(uri)
    return pa.CompressedInputStream(raw, codec) if codec else raw
