"""Reads lists of URLs that are text: CSV, TSV and JSON lines, plain or compressed, as rows by the names of columns.

CSV and TSV have a line of names first, and quote as spreadsheets and pandas do: a field in `"` may hold the separator,
line breaks and, doubled, the quote. What follows a closing quote must be the next field: in a file that is not quoted
so, a stray quote would swallow all rows to the next one, and is an error that names its line. A row with more or fewer
fields than there are names, text that is not UTF-8, and a line that is no JSON object cost themselves alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import orjson

from common import resources
from common.errors import InputError
from dataprep.storage import beginning, json_value
from dataprep.storage.lines import BROKEN, lines

READ = "give Parquet, .csv, .tsv or JSON lines (also .gz, .zst, .bz2, .xz)"
MAX_LINE = 1 << 20
"""Bytes of a line; a longer one is a damaged row."""
_LOOK = 1000
"""Rows of JSON lines that are asked for the names of columns."""
_JSON = (".jsonl", ".json", ".ndjson", ".jsonlines", ".jl")
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
Row = dict[str, Any]
"""Values by the list's own names; a damaged row has none."""


@dataclass(frozen=True)
class UrlList:
    """A list of URLs, and how to read it."""

    uri: str
    kind: Literal["parquet", "json", "fields"]
    codec: str | None = None
    separator: str = ","
    """Between fields."""

    @classmethod
    def of(cls, uri: str) -> UrlList:
        """Tells what the list `uri` is. Raises InputError where it is none that is read."""
        found = beginning.accepted(uri, READ)
        if found.parquet:
            return cls(uri, "parquet")
        if found.text.startswith(b"["):
            raise InputError("a JSON array, not an object a line", file=uri, remedy="rewrite it with `jq -c '.[]'`")
        separator = next((one for suffix, one in _SEPARATORS.items() if found.stem.endswith(suffix)), None)
        is_json = found.text.startswith(b"{") or found.stem.endswith(_JSON)
        if separator is None and not is_json:
            problem = f"no list that is read (it begins with {found.text[:12]!r})"
            raise InputError(problem, file=uri, remedy=READ)
        if b"\0" in found.head:
            raise InputError("not text, as its name says, but binary", file=uri, remedy=READ)
        return cls(uri, "json", found.codec) if is_json else cls(uri, "fields", found.codec, separator or ",")

    def names(self) -> list[str]:
        """The names of its columns; of JSON lines, those that the first rows have.

        Raises:
            InputError: it is damaged, or two columns have one name.
        """
        if self.kind == "json":
            return list(dict.fromkeys(name for row in islice(self.rows(), _LOOK) for name in row))
        names = next(self._fields(), None) or []
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(f"two columns are called {min(twice)!r}", file=self.uri, line=1, remedy="rename one")
        return names

    def rows(self) -> Iterator[Row]:
        """All rows, in order. Raises InputError where the file is damaged."""
        if self.kind == "json":
            yield from (_object(line) for line in self._lines() if line is None or line.strip())
            return
        fields = self._fields()
        names = next(fields, None) or []
        for row in fields:
            yield dict(zip(names, row, strict=True)) if row and len(row) == len(names) else {}

    def _fields(self) -> Iterator[list[str] | None]:
        """The fields of the header and of every row; None for a damaged row."""
        damaged = False

        def text() -> Iterator[str]:
            nonlocal damaged
            for line in self._lines():
                try:
                    decoded = "?" if line is None else line.decode()
                    damaged |= line is None
                except UnicodeDecodeError:
                    decoded, damaged = line.decode(errors="replace") if line else "", True
                yield decoded + "\n"

        reader = csv.reader(text(), delimiter=self.separator, strict=True)
        try:
            for row in reader:
                if row:  # no blank line
                    yield None if damaged else row
                damaged = False
        except csv.Error as error:
            remedy = "double the quotes inside quoted fields, or write JSON lines or Parquet"
            raise InputError(f"badly quoted ({error})", file=self.uri, line=reader.line_num, remedy=remedy) from None

    def _lines(self) -> Iterator[bytes | None]:
        number = 0
        try:
            for line in lines(self.uri, MAX_LINE, self.codec):
                number += 1
                yield line
        except BROKEN as error:
            if lacks := resources.lacking(error, self.uri):
                raise lacks from None
            problem = f"cannot be read beyond this line ({str(error).splitlines()[0]})"
            raise InputError(problem, file=self.uri, line=number + 1, remedy="fetch the file again") from None


def _object(line: bytes | None) -> Row:
    try:
        value = json_value.mended_loads(line or b"")
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
