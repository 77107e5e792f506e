from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.engine.rejects import Reject
from dataprep.text.config import TextJob
from dataprep.text.read import Document, documents

ZSTD = zstandard.ZstdCompressor()
PACK = {".zst": ZSTD.compress, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
ROW = {"text": "é one", "url": "http://a", "metadata": {"WARC-Record-ID": "<urn:1>", "x": None}}


def job(**changes: Any) -> TextJob:
    return TextJob.model_validate({"inputs": ["x"], "out": "y", "tokenizer": "z", **changes})


def rows(path: Path, data: bytes, **changes: Any) -> list[Document | Reject]:
    path.write_bytes(data)
    return list(documents(str(path), job(**changes)))


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".jsonl", bytes),
        (".jsonl.gz", gzip.compress),
        (".jsonl.zst", lambda data: ZSTD.compress(data)),
        (".jsonl.zst", lambda data: ZSTD.compress(data[:9]) + ZSTD.compress(data[9:])),
        (".jsonl.gz", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        (".jsonl.bz2", lambda data: bz2.compress(data[:9]) + bz2.compress(data[9:])),
        (".jsonl.xz", lambda data: lzma.compress(data[:9]) + bytes(8) + lzma.compress(data[9:])),
        (".jsonl", lambda data: ZSTD.compress(data)),
        (".jsonl.zst", bytes),
    ],
)
def test_compressions_and_concatenated_members(tmp_path: Path, suffix: str, pack: Any) -> None:
    data = json.dumps(ROW).encode() + b"\n" + json.dumps({"text": "two"}).encode()
    assert rows(tmp_path / f"a{suffix}", pack(data)) == [
        Document(1, "é one", ROW),
        Document(2, "two", {"text": "two"}),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "a"', "invalid_json"),
        (b'{"text": "\\ud800"}', "invalid_json"),
        (b'{"text": "\xff"}', "invalid_utf8"),
        (b"[1]", "not_an_object"),
        (b"{}", "missing_text"),
        (b'{"text": null}', "missing_text"),
        (b'{"text": 3}', "text_not_a_string"),
        (b'{"text": ""}', "empty_text"),
        (b'{"text": "' + b"a" * 2000 + b'"}', "line_too_long"),
    ],
)
def test_every_bad_row_has_line_and_reason(tmp_path: Path, line: bytes, reason: str) -> None:
    good = b'{"text": "good"}'
    found = rows(tmp_path / "a.jsonl", b"\n".join([good, line, good, b""]), max_line_bytes=1024)
    assert isinstance(found[1], Reject)
    assert (found[1].line, found[1].reason) == (2, reason)
    assert [row.line for row in found if isinstance(row, Document)] == [1, 3]


def test_text_may_lie_deeper_and_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"content": {"text": "a"}}\n{"content": 1}\n'
    found = rows(tmp_path / "a.jsonl", data, text_field="content.text")
    assert found == [Document(1, "a", {"content": {"text": "a"}}), Reject(2, "missing_text", "NoneType")]


def test_blank_lines_are_lines_and_no_rows(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.jsonl", b'\n{"text": "a"}\r\n \t\r\n\r\n{"text": "b"}\n\n')
    assert found == [Document(2, "a", {"text": "a"}), Document(5, "b", {"text": "b"})]


@pytest.mark.parametrize("suffix", list(PACK))
def test_a_truncated_stream_fails_or_is_one_reject(tmp_path: Path, suffix: str) -> None:
    data = b"".join(json.dumps({"text": f"{n} " * 500 + str(n**7)}).encode() + b"\n" for n in range(300))
    whole = PACK[suffix](data)
    path = tmp_path / f"a.jsonl{suffix}"
    with pytest.raises(InputError, match=r"a\.jsonl.*cannot be read beyond this line.*unreadable: reject"):
        rows(path, whole[:-3])
    found = rows(path, whole[:-3], unreadable="reject")
    assert isinstance(found[-1], Reject)
    assert found[-1].reason == "unreadable"
    assert len(found) > 200, "all that comes before the break is kept"
    assert all(isinstance(row, Document) for row in found[:-1])
    with pytest.raises(InputError):
        rows(path, b"not compressed at all, but long enough to try")


DATA = b"".join(json.dumps({"text": f"{n} and {n**9}"}).encode() + b"\n" for n in range(60))
STORED = {f".jsonl{suffix}": pack(DATA) for suffix, pack in PACK.items()}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(STORED)), st.data())
def test_a_stream_cut_anywhere_is_never_silent(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    whole = STORED[suffix]
    cut = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.mktemp("cut") / f"a{suffix}"
    with pytest.raises(InputError, match="cannot be read beyond this line"):
        rows(path, whole[:cut])
    *found, last = rows(path, whole[:cut], unreadable="reject")
    assert isinstance(last, Reject)
    assert last.reason == "unreadable"
    texts = [json.loads(line)["text"] for line in DATA.splitlines()]
    good = [row.text for row in found if isinstance(row, Document)]
    assert good == texts[: len(good)]
    assert len(found) - len(good) <= 1, "at most the line that the cut fell into"
    assert [row.line for row in found] == list(range(1, len(found) + 1))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(STORED)), st.data())
def test_a_flipped_bit_loses_no_row_in_silence(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    """Every row is there, or something is rejected; compressed streams without a checksum may also change a text."""
    damaged = bytearray(STORED[suffix])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    found = rows(tmp_path_factory.mktemp("flip") / f"a{suffix}", bytes(damaged), unreadable="reject")
    good = [row for row in found if isinstance(row, Document)]
    assert len(good) >= 60 or len(good) < len(found)


@pytest.mark.parametrize("other", ["NaN", "-Infinity", "1e999", '"\\ud800"', '{"deep": ["\\udc00", NaN]}'])
def test_what_stands_in_another_field_costs_no_document(tmp_path: Path, other: str) -> None:
    found = rows(tmp_path / "a.jsonl", f'{{"text": "ü", "other": {other}}}'.encode())
    assert [one.text for one in found if isinstance(one, Document)] == ["ü"]
    json.dumps(found[0].row, ensure_ascii=False, allow_nan=False).encode()


def test_a_lone_surrogate_in_the_text_is_a_reject(tmp_path: Path) -> None:
    found = rows(tmp_path / "a.jsonl", b'{"text": "a\\ud800"}')
    assert [(one.reason, one.detail) for one in found] == [("invalid_json", "a lone surrogate in the text")]
