"""Inputs of the conversations job by content: an array, a row a line, compressed or not; the same rows by any way."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.conversations import inputs
from dataprep.conversations.inputs import Source
from dataprep.conversations.json_array import Span

ROWS = [{"id": str(n), "conversations": [{"from": "human", "value": "a\n{[é" * (n % 3)}]} for n in range(11)]
ARRAY = json.dumps(ROWS, indent=1).encode()
LINES = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROWS)
SHAPES = {
    "a.json": ("array", ARRAY),
    "bom.json": ("array", b"\xef\xbb\xbf" + ARRAY),
    "a.json.gz": ("array", gzip.compress(ARRAY)),
    "a.jsonl": ("lines", LINES),
    "lines-in-a.json": ("lines", LINES),
    "bom.jsonl": ("lines", b"\xef\xbb\xbf" + LINES.rstrip()),
    "dos.jsonl": ("lines", LINES.replace(b"\n", b"\r\n")),
    "blanks.jsonl": ("lines", LINES.replace(b"\n", b"\n\n \n")),
    "a.jsonl.gz": ("lines", gzip.compress(LINES)),
    "named-wrongly": ("lines", zstandard.compress(LINES)),
    "a.jsonl.bz2": ("lines", bz2.compress(LINES)),
    "a.jsonl.xz": ("lines", lzma.compress(LINES)),
}


def rows_of(path: Path, rows: int) -> tuple[list[Span], list[tuple[str, Any]]]:
    source = Source.of(str(path))
    spans = list(source.spans(rows))
    return spans, [(name, json.loads(data)) for span in spans for name, data in source.texts(span)]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("rows", [1, 4, 99])
def test_every_row_is_in_one_span_whatever_the_shape(
    tmp_path: Path, name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "CHUNK", 16)
    kind, data = SHAPES[name]
    (tmp_path / name).write_bytes(data)
    spans, found = rows_of(tmp_path / name, rows)
    assert [row for _, row in found] == ROWS
    assert Source.of(str(tmp_path / name)).kind == kind
    if kind == "array":
        assert [name for name, _ in found] == [f"row {n}" for n in range(len(ROWS))]
        assert len(spans) == -(-len(ROWS) // rows)
    else:
        gap = 3 if name == "blanks.jsonl" else 1
        assert [name for name, _ in found] == [f"line {n * gap + 1}" for n in range(len(ROWS))]


@given(st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"))), st.integers(1, 4), st.integers(1, 9))
@settings(deadline=None, max_examples=50)
def test_spans_of_lines_are_whole_lines_in_order(lines: list[str], rows: int, chunk: int) -> None:
    data = "\n".join(lines).encode()
    before, inputs.CHUNK = inputs.CHUNK, chunk
    try:
        found = list(inputs._line_spans(io.BytesIO(data), "a", rows))
    finally:
        inputs.CHUNK = before
    assert b"".join(data[one.offset : one.offset + one.length] for one in found) == data.removeprefix(b"\xef\xbb\xbf")
    assert [one.first for one in found] == list(range(0, rows * len(found), rows))
    assert all(data[one.offset : one.offset + one.length].endswith(b"\n") for one in found[:-1])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.json", b'{\n "id": 1,\n "conversations": []}', "JSON over several lines that is no array; rewrite it with"),
        ("a.json", b"oops", r"not a JSON array of objects \(byte 0\)|the JSON array is cut off"),
        ("a.jsonl", b'{"a": "' + b"x" * 5000, "the row at byte 0 is longer than 1,000 bytes"),
        ("a.jsonl", b"{}\n" + b'{"a": "' + b"x" * 5000 + b'"}\n', "the row at byte 3 is longer than 1,000 bytes"),
        ("a.jsonl.gz", gzip.compress(LINES)[:-30], r"cannot be read \(.*\); fetch the file again"),
        ("a.json.zst", zstandard.compress(ARRAY)[:-9], "cut off|cannot be read"),
        ("a.tar", b"\0" * 257 + b"ustar" + b"\0" * 250, "a tar archive; unpack it"),
        ("a.json", b"<!DOCTYPE html>", "a web page; fetch the file again"),
        ("a.parquet", b"[]", "not a readable Parquet file"),
    ],
)
def test_what_is_not_read_is_told_in_a_line(
    tmp_path: Path, name: str, data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "MAX_ROW_BYTES", 1000)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=said) as told:
        rows_of(tmp_path / name, 3)
    assert str(told.value).startswith(str(tmp_path / name))


def test_a_file_that_is_damaged_under_a_running_job_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINES))
    source = Source.of(str(path))
    *_, last = source.spans(4)
    path.write_bytes(gzip.compress(LINES)[:40])
    with pytest.raises(InputError, match="cannot be read"):
        list(source.texts(last))
