"""Reads documents from JSON lines (plain, gzip, zstd, bz2, xz) and Parquet; nothing is passed over silently.

A row either yields a `Document` or a `Reject` with its file, line and a reason code. A file that breaks off (truncated
zstd, corrupt gzip, damaged Parquet) is the file's own failure: `unreadable` decides whether it stops the job or
becomes one reject. Memory is bounded by a block of lines or a batch of Parquet rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from common import resources
from common.errors import InputError
from dataprep.engine.rejects import Reject
from dataprep.storage import files, foreign_parquet, json_value
from dataprep.storage.lines import BROKEN, lines
from dataprep.text import file_kind
from dataprep.text.config import TextJob

PARQUET_ROWS = 1024
"""Rows of a Parquet file decoded at a time."""


@dataclass(slots=True)
class Document:
    """One document of an input file. Not frozen: that would triple the cost of making one, for every document."""

    line: int
    """From 1; of a Parquet file, the row."""
    text: str
    row: dict[str, Any]
    """The whole row, the text included; of a Parquet file, the columns that the job needs."""


def documents(uri: str, job: TextJob) -> Iterator[Document | Reject]:
    """All rows of the file `uri`, in order.

    Reasons of rejects are invalid_json, invalid_utf8, not_an_object, missing_text, text_not_a_string, empty_text,
    line_too_long and unreadable.

    Raises:
        InputError: the file is damaged and `job.unreadable` is `fail`.
    """
    kind = file_kind.of(uri)
    rows = _parquet_rows(uri, job) if kind.parquet else _json_rows(uri, job, kind.codec)
    last = 0
    try:
        if kind.refusal:
            raise OSError("; ".join(kind.refusal))
        for row in rows:
            last = row.line
            yield row
    except BROKEN as error:
        if lacks := resources.lacking(error, uri):
            raise lacks from None
        detail = str(error).splitlines()[0]
        if job.unreadable == "fail":
            raise InputError(
                f"cannot be read beyond this line ({detail})",
                file=uri,
                line=last + 1,
                field="unreadable",
                remedy="fetch the file again, or set `unreadable: reject` to keep what can be read",
            ) from None
        yield Reject(last + 1, "unreadable", detail)


def at(row: Any, path: list[str]) -> Any:
    """The value that `path` leads to in nested objects; None where there is none."""
    for part in path:
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _json_rows(uri: str, job: TextJob, codec: str | None) -> Iterator[Document | Reject]:
    """Rows of JSON lines; blank lines are counted as lines and are no rows."""
    path, loads = job.text_field.split("."), orjson.loads
    for number, line in enumerate(lines(uri, job.max_line_bytes, codec), 1):
        if line is None:
            yield Reject(number, "line_too_long")
            continue
        try:
            row = loads(line)
        except orjson.JSONDecodeError as error:
            if line.strip():
                yield _second_look(number, line, path, error)
            continue
        yield _document(number, row, path)


def _second_look(number: int, line: bytes, path: list[str], error: orjson.JSONDecodeError) -> Document | Reject:
    """A row that orjson refuses is a document where its text is fine, whatever stands in another field."""
    try:
        row = json_value.loads(line)
    except orjson.JSONDecodeError:
        return _not_json(number, line, error)
    found = _document(number, row, path)
    if isinstance(found, Reject):
        return found
    if not json_value.whole(found.text):
        return Reject(number, "invalid_json", "a lone surrogate in the text")
    return Document(number, found.text, json_value.mended(row))


def _not_json(number: int, line: bytes, error: orjson.JSONDecodeError) -> Reject:
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return Reject(number, "invalid_utf8", f"byte {wrong.start}: {wrong.reason}")
    return Reject(number, "invalid_json", str(error))


def _parquet_rows(uri: str, job: TextJob) -> Iterator[Document | Reject]:
    path, number = job.text_field.split("."), 0
    with files.open_input(uri) as stream:
        parquet = foreign_parquet.opened(stream)
        columns = [name for name in parquet.schema_arrow.names if name in job.columns]
        for batch in foreign_parquet.batches(parquet, PARQUET_ROWS, columns):
            for row in foreign_parquet.decoded(batch):
                number += 1
                if isinstance(row, UnicodeDecodeError):
                    yield Reject(number, "invalid_utf8", f"byte {row.start}: {row.reason}")
                else:
                    yield _document(number, row, path)


def _document(number: int, row: Any, path: list[str]) -> Document | Reject:
    if not isinstance(row, dict):
        return Reject(number, "not_an_object", type(row).__name__)
    text = row.get(path[0]) if len(path) == 1 else at(row, path)
    if not isinstance(text, str):
        return Reject(number, "missing_text" if text is None else "text_not_a_string", type(text).__name__)
    if not text:
        return Reject(number, "empty_text")
    return Document(number, text, row)
