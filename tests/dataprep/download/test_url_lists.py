"""Lists of URLs as text: what is a row, what costs only itself, and what no list is."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.download import url_lists
from dataprep.download.config import Columns
from dataprep.download.extract import count_rows, extract
from dataprep.download.url_lists import UrlList
from dataprep.engine.task_workspace import Scratch

CSV = b'SAMPLE_ID,URL,TEXT,similarity\n7,http://a.example/1,"one, ""two""\nthree",0.3\n8,http://a.example/2,,\n'
TSV = CSV.replace(b",", b"\t").replace(b"one\t", b"one,")
LINES = b"".join(
    json.dumps(row).encode() + b"\n"
    for row in (
        {"SAMPLE_ID": 7, "URL": "http://a.example/1", "TEXT": 'one, "two"\nthree', "similarity": 0.3},
        {"SAMPLE_ID": 8.0, "URL": "http://a.example/2", "similarity": float("nan"), "TEXT": [None, ""]},
    )
)
LAION = {"uid": "SAMPLE_ID", "url": "URL", "caption": "TEXT"}


def extracted(tmp_path: Path, name: str, data: bytes, **columns: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    (tmp_path / name).write_bytes(data)
    scratch = Scratch(str(tmp_path / "out"), tmp_path)
    receipt = extract(("metadata", str(tmp_path / name), "r.parquet"), scratch, Columns(**columns))
    return pq.read_table(tmp_path / "out/r.parquet").to_pylist(), receipt


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", CSV),
        ("a.CSV", b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n").replace(b"\r\nthree", b"\nthree")),
        ("a.csv.gz", gzip.compress(CSV)),
        ("a.tsv", TSV),
        ("a.tsv.zst", zstandard.compress(TSV)),
        ("a.jsonl", LINES),
        ("a.json", b"\xef\xbb\xbf\n" + LINES),
        ("part-00000", LINES),
        ("a.json.gz", gzip.compress(LINES)),
    ],
)
def test_text_lists_give_the_rows_of_the_same_list_as_parquet(tmp_path: Path, name: str, data: bytes) -> None:
    rows, receipt = extracted(tmp_path, name, data, **LAION)
    table = {"SAMPLE_ID": [7, 8], "URL": [f"http://a.example/{n}" for n in (1, 2)], "TEXT": ['one, "two"\nthree', None]}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(table), sink)
    assert rows == extracted(tmp_path, "a.parquet", sink.getvalue(), **LAION)[0]
    assert (receipt["rows"], receipt["written"]) == (2, 2)


def test_a_list_without_uids_gets_those_that_parquet_would_give(tmp_path: Path) -> None:
    rows, _ = extracted(tmp_path, "a.csv", b"url\nhttp://a.example/1\n\n", uid=None)
    assert [row["uid"] for row in rows] == [xxhash.xxh3_128_hexdigest("http://a.example/1")]


@pytest.mark.parametrize(
    ("name", "head", "bad"),
    [
        ("a.csv", b"uid,url\n", [b"2,http://b,more", b"2", b"2,caf\xe9", b'2,"\xff\n\n"', b"2," + b"x" * 3000, b",u"]),
        ("a.jsonl", b"", [b"[]", b"{", b'{"url": "u"}', b'{"uid": {}, "url": "u"}', b'"x"', b"x" * 3000]),
    ],
)
def test_a_damaged_row_costs_itself(
    tmp_path: Path, name: str, head: bytes, bad: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(url_lists, "MAX_LINE", 2000)
    one, last = (b"1,u", b"9,v") if head else (b'{"uid": "1", "url": "u"}', b'{"uid": "9", "url": "v"}')
    rows, receipt = extracted(tmp_path, name, head + b"\n".join([one, b"", *bad, last]))
    assert [(row["uid"], row["url"]) for row in rows] == [("1", "u"), ("9", "v")]
    assert (receipt["rows"], receipt["rejected"]) == (2 + len(bad), {"bad_row": len(bad)})


def test_numbers_and_lists_that_are_none_are_absent(tmp_path: Path) -> None:
    head = b"uid,url,text,clip_b32_similarity_score\n"
    rows, _ = extracted(tmp_path, "a.csv", head + b"1,u,,x\n2,u,NaN,inf\n3,u,c,.5\n")
    assert [(row["text"] if "text" in row else row["caption"], row["clip_b32_similarity_score"]) for row in rows] == [
        (None, None), ("NaN", None), ("c", 0.5),
    ]  # fmt: skip
    captions = {"uid": 2**70, "url": "u", "syn_text": ["a", 1, None, ""], "clip_b32_similarity_score": "0.25"}
    rows, _ = extracted(tmp_path, "a.jsonl", json.dumps(captions).encode())
    assert (rows[0]["syn_text"], rows[0]["clip_b32_similarity_score"]) == (["a"], 0.25)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"id,link\n1,u\n", r"no column uid, url; it has id, link; name its columns with `columns:`"),
        ("a.jsonl", b'{"id": 1}\n{"link": 2}\n', r"no column uid, url; it has id, link; name its columns"),
        ("a.csv", b"http://a.example/1,a box\n", r"it has http://a.example/1, a box; write the names of its columns"),
        ("a.csv", b"", r"no column uid, url; it has none"),
        ("a.csv", b"url,uid,url\n", r":1: two columns are called 'url'; rename one"),
        ("a.csv", b'uid,url\n1,u\n2,"a" b\n', r":3: badly quoted .*; double the quotes inside quoted fields"),
        ("a.tsv", b'uid\turl\n1\t"u\n2\tv\n', r":3: badly quoted .*; double the quotes"),
        ("a.csv", b"uid,url\n1," + b'"' + b"x\n" * 99_999, r"badly quoted \(field larger"),
        (
            "a.csv.gz",
            gzip.compress(b"uid,url\n" + b"1,u\n" * 9999, mtime=0)[:-20],
            r"cannot be read beyond this line .*; fetch",
        ),
        ("a.csv.gz", b"uid,url\n", r":1: cannot be read beyond this line"),
        ("a.json", b'[{"uid": 1}]', r"a JSON array, not an object a line; rewrite it with `jq -c"),
        ("a.txt", b"http://a.example/1\n", r"no list that is read \(it begins with b'http://a.exa'\); give Parquet"),
        ("a.csv", b"\xff\xfeu\0r\0l\0", r"UTF-16 text; convert it with `iconv"),
        ("a.csv", b"uid,url\0\n", r"not text, as its name says, but binary; give Parquet"),
        (
            "a.csv.gz",
            gzip.compress(gzip.compress(b"x")),
            r"a stream compressed twice in a gzip stream; give Parquet",
        ),
        ("a.csv", b"PK\x03\x04", r"a zip archive; unzip it"),
        ("a.parquet", b"uid,url\n", r"not a readable Parquet file"),
    ],
)
def test_what_is_no_list_is_told_in_a_line(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as told:
        extracted(tmp_path, name, data)
    assert str(tmp_path / name) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_dry_run_looks_at_names_and_counts_no_text(tmp_path: Path) -> None:
    for data, count in ((b"uid,url\n1,u\n", None), (b"uid,url\n", 0)):
        (tmp_path / "a.csv").write_bytes(data)
        assert count_rows(str(tmp_path / "a.csv")) == count
    with pytest.raises(InputError, match="no column link; it has uid, url"):
        count_rows(str(tmp_path / "a.csv"), Columns(url="link"))


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=8), st.sampled_from([",", "\t"]), st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None, max_examples=25)
def test_what_pythons_writer_quotes_is_read_as_it_was(rows: list[tuple[str, str]], separator: str, end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    with tempfile.NamedTemporaryFile(suffix=".csv" if separator == "," else ".tsv") as file:
        file.write(text.getvalue().encode())
        file.flush()
        assert [(row["a"], row["b"]) for row in UrlList.of(file.name).rows()] == rows
