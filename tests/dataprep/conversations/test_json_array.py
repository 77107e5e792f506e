from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.conversations import json_array
from dataprep.conversations.json_array import elements, spans

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3) | st.text() | st.lists(VALUES, max_size=3), max_size=8)


@given(ROWS, st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
@settings(deadline=None)
def test_elements_are_those_of_the_parser_whatever_the_chunks(rows: Any, indent: Any, ascii: bool, chunk: int) -> None:
    data = json.dumps(rows, indent=indent, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    before, json_array.CHUNK = json_array.CHUNK, chunk
    try:
        found = [data[start:end] for start, end in elements(io.BytesIO(data), "a.json")]
    finally:
        json_array.CHUNK = before
    assert [json.loads(one) for one in found] == rows


@given(ROWS, st.integers(1, 5))
def test_spans_cover_the_rows_in_order(rows: Any, size: int) -> None:
    data = json.dumps(rows).encode()
    found = list(spans(io.BytesIO(data), "a.json", size))
    parts = [json.loads(b"[" + data[one.offset : one.offset + one.length] + b"]") for one in found]
    assert [row for part in parts for row in part] == rows
    assert [one.first for one in found] == list(range(0, len(rows), size))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'[{"a": 1}',
        b'[{"a": "x]',
        b"[1, 2]",
        b'[{"a": 1} {"b": 2}]',
        b"[{},]",
        b"[,{}]",
        b"[{}]]",
        b"[{}] x",
        b"[}]",
        b"null",
        b"[{}][{}]",
        b'{"a": []}',
        b"<html>",
    ],
)
def test_what_is_no_array_of_objects_is_an_error(data: bytes) -> None:
    with pytest.raises(InputError, match=r"a\.json"):
        list(elements(io.BytesIO(data), "a.json"))


def test_a_quote_that_never_closes_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_ROW_BYTES", 1000)
    monkeypatch.setattr(json_array, "CHUNK", 100)
    for data in (b'[{"a": "' + b"x" * 5000, b"[" + b"[1]," * 0 + b'{"a":[' + b"[1]," * 2000):
        with pytest.raises(InputError, match="longer than"):
            list(elements(io.BytesIO(data), "a.json"))


def test_a_byte_order_mark_is_no_harm() -> None:
    assert list(elements(io.BytesIO(b"\xef\xbb\xbf[{}]"), "a.json")) == [(4, 6)]
