"""Tells which kind of file an input is, cuts it into spans that a task can hold, and reads the rows of a span.

LLaVA's own files are one JSON array; others write a row a line, or Parquet that holds the pictures
(`embedded_rows`). Text may be compressed: a task then reads the file from its start up to its rows, for a compressed
stream has no other way in.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from common import resources
from common.errors import InputError
from dataprep.conversations import embedded_rows, json_array
from dataprep.conversations.json_array import CHUNK, MAX_ROW_BYTES, Span
from dataprep.storage import beginning, files
from dataprep.storage.lines import BROKEN, opened

READ = "give LLaVA's JSON array, JSON lines (both also .gz, .zst, .bz2, .xz) or Parquet that holds the pictures"
_LINES = (".jsonl", ".ndjson", ".jsonlines", ".jl")
_SPREAD = re.compile(rb"\{[ \t]*\r?\n")


@dataclass(frozen=True)
class Source:
    """An input file, and how to read it."""

    path: str
    kind: Literal["array", "lines", "parquet"] = "array"
    codec: str | None = None

    @classmethod
    def of(cls, path: str) -> Source:
        """Tells what the file `path` is. Raises InputError where it is nothing that is read."""
        found = beginning.accepted(path, READ)
        if found.parquet:
            return cls(path, "parquet")
        if _SPREAD.match(found.text):
            problem = "JSON over several lines that is no array"
            raise InputError(problem, file=path, remedy="rewrite it with `jq -c`, an object a line")
        is_lines = found.text.startswith(b"{") or found.stem.endswith(_LINES)
        return cls(path, "lines" if is_lines else "array", found.codec)

    def spans(self, rows: int) -> Iterator[Span]:
        """Ranges of `rows` rows each (of Parquet about, by its row groups) that hold all rows of the file.

        Raises:
            InputError: it is damaged, or Parquet without conversations.
        """
        if self.kind == "parquet":
            yield from embedded_rows.spans(self.path, rows)
            return
        cut: Callable[[Any, str, int], Iterator[Span]] = json_array.spans if self.kind == "array" else _line_spans
        try:
            with opened(self.path, self.codec) as stream:
                yield from cut(stream, self.path, rows)
        except BROKEN as error:
            raise self._damaged(error) from None

    def texts(self, span: Span) -> Iterator[tuple[str, bytes]]:
        """The rows of a span of JSON, as (how messages name the row, its JSON)."""
        data = self._bytes(span)
        if self.kind == "lines":
            for number, line in enumerate(data.split(b"\n"), span.first + 1):
                if line := line.strip():
                    yield f"line {number}", line
            return
        data = b"[" + data + b"]"
        for number, (start, end) in enumerate(json_array.elements(io.BytesIO(data), self.path), span.first):
            yield f"row {number}", data[start:end]

    def _bytes(self, span: Span) -> bytes:
        try:
            if self.codec is None:
                with files.open_input(self.path) as raw:
                    raw.seek(span.offset)
                    return b"".join(_pieces(raw, span.length))
            with opened(self.path, self.codec) as stream:
                _pass_over(stream, span.offset)
                return b"".join(_pieces(stream, span.length))
        except BROKEN as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> Exception:
        return resources.lacking(error, self.path) or InputError(
            f"cannot be read ({str(error).splitlines()[0][:200]})", file=self.path, remedy="fetch the file again"
        )


def _line_spans(stream: Any, name: str, rows: int) -> Iterator[Span]:
    """Ranges of `rows` lines each; the last may have fewer."""
    first = begin = count = at = last = 0  # `last` is the offset after the last line's end
    while chunk := stream.read(CHUNK):
        if at == 0 and chunk.startswith(beginning.BYTE_ORDER_MARK):
            begin = last = len(beginning.BYTE_ORDER_MARK)
        for end in (np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n")) + at + 1).tolist():
            _check_length(end - last, last, name)
            count, last = count + 1, end
            if count - first == rows:
                yield Span(first, begin, last - begin)
                first, begin = count, last
        at += len(chunk)
        _check_length(at - last, last, name)
    if at > begin:
        yield Span(first, begin, at - begin)


def _check_length(length: int, at: int, name: str) -> None:
    if length > MAX_ROW_BYTES:
        raise InputError(f"the row at byte {at:,} is longer than {MAX_ROW_BYTES:,} bytes", file=name)


def _pass_over(stream: Any, count: int) -> None:
    for _ in _pieces(stream, count):
        pass


def _pieces(stream: Any, count: int) -> Iterator[bytes]:
    """The next `count` bytes of a stream that may give fewer than it is asked for."""
    while count and (piece := stream.read(min(count, CHUNK))):
        count -= len(piece)
        yield bytes(piece)
