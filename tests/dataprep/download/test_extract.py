from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from common.errors import InputError
from dataprep.download.config import Columns
from dataprep.download.extract import MAX_MEMBER_BYTES, extract
from dataprep.engine.task_workspace import Scratch
from dataprep.tar.write import write_tar


def rows_of(tmp_path: Path, *members: tuple[str, bytes]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    with open(tmp_path / "in.tar", "wb") as out:
        write_tar(out, members)
    receipt = extract(("dr", str(tmp_path / "in.tar"), "rows.parquet"), Scratch(str(tmp_path / "out"), tmp_path))
    return pq.read_table(tmp_path / "out" / "rows.parquet").to_pylist(), receipt


def test_a_sample_without_its_json_keeps_the_uid_of_its_name(tmp_path: Path) -> None:
    rows, receipt = rows_of(tmp_path, ("a/0f.url.txt", b"http://a.example/ \n"), ("a/0f.syn.json", b"{broken"))
    assert rows[0]["uid"] == "0f"
    assert rows[0]["url"] == "http://a.example/"
    assert rows[0]["syn_text"] == []
    assert (receipt["rows"], receipt["written"], receipt["rejected"]) == (1, 1, {})


def test_hostile_members_are_not_believed(tmp_path: Path) -> None:
    rows, receipt = rows_of(
        tmp_path,
        ("1.syn.json", json.dumps({"syn_text": ["ok", 3, None, "", "NUL\0"]}).encode()),
        ("1.json", b'{"uid": 7, "sha256": []}'),
        ("2.json", b"[1, 2]"),
        ("3.json", b" " * (MAX_MEMBER_BYTES + 1)),
        ("4.pth.gz", b"cos\nsystem\n(S'exit 1'\ntR."),
        ("5.url.txt", b"http://" + b"a" * 9000),
    )
    assert [row["uid"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0]["syn_text"] == ["ok", "NUL\0"]
    assert rows[0]["expected_sha256"] is None
    assert receipt["rejected"] == {"bad_row": 1}


def test_members_that_lie_apart_would_lose_their_captions(tmp_path: Path) -> None:
    names = [("1.url.txt", b"http://a.example/1"), ("2.url.txt", b"http://a.example/2"), ("1.syn.json", b"{}")]
    with pytest.raises(InputError, match=r"in\.tar: the members of '1' lie apart; make the tar with `tar --sort=name`"):
        rows_of(tmp_path, *names)


@pytest.mark.parametrize("uids", [[1.0, float("nan")], ["1", "nan"], ["1", "a\nb"], ["1", "\x1b[2J"], ["1", None]])
def test_metadata_as_pandas_writes_it(tmp_path: Path, uids: list[Any]) -> None:
    table = pa.table({"uid": uids, "url": ["http://a.example/1"] * 2, "text": [["one", "two"], []]})
    pq.write_table(table, tmp_path / "in.parquet")
    receipt = extract(("metadata", str(tmp_path / "in.parquet"), "r.parquet"), Scratch(str(tmp_path / "out"), tmp_path))
    assert receipt["rejected"] == {"bad_row": 1}
    rows = pq.read_table(tmp_path / "out" / "r.parquet").to_pylist()
    assert [(row["uid"], row["caption"]) for row in rows] == [("1", "one")]


def test_names_that_climb_and_keys_that_come_twice_are_rows_like_others(tmp_path: Path) -> None:
    """No name of a tar becomes a path; a uid that comes twice is found by the join (`metadata`)."""
    rows, receipt = rows_of(
        tmp_path,
        ("../../etc/1.json", b'{"uid": "u1", "sha256": "00"}'),
        ("../../etc/1.url.txt", b"http://a.example/1"),
        ("/root/2.url.txt", b"http://a.example/2"),
        ("3.url.txt", b"http://a.example/3"),
        ("3.url.txt", b"http://a.example/3b"),
        ("4.url.txt", b"http://a.example/4"),
    )
    assert [(row["uid"], row["url"]) for row in rows] == [
        ("u1", "http://a.example/1"),
        ("2", "http://a.example/2"),
        ("3", "http://a.example/3"),
        ("3", "http://a.example/3b"),
        ("4", "http://a.example/4"),
    ]
    assert receipt["written"] == 5
    assert not list(tmp_path.parent.rglob("etc"))


@pytest.mark.parametrize("bad", ["url", "text"])
def test_a_row_with_text_that_is_not_utf8_costs_only_itself(tmp_path: Path, bad: str) -> None:
    ends = pa.py_buffer(np.array([0, 2, 4, 6], np.int32).tobytes())
    text = pa.Array.from_buffers(pa.string(), 3, [None, ends, pa.py_buffer(b"ab\xff\xfecd")])
    columns = {"uid": ["1", "2", "3"], "url": ["u", "v", "w"], "text": ["x", "y", "z"], bad: text}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    scratch = Scratch(str(tmp_path / "out"), tmp_path)
    receipt = extract(("metadata", str(tmp_path / "in.parquet"), "rows.parquet"), scratch)
    assert (receipt["rows"], receipt["written"], receipt["rejected"]) == (3, 2, {"bad_row": 1})
    assert pq.read_table(tmp_path / "out/rows.parquet").column("uid").to_pylist() == ["1", "3"]


# Columns of laion2B-en as its card on the hub lists them; img2dataset's own Parquet has `url`, `caption`, `key`, ...
LAION = {"SAMPLE_ID": [7, 8, 9], "URL": ["http://a.example/1", "http://a.example/2", "http://a.example/1"],
         "TEXT": ["one", None, "three"], "HEIGHT": [1, 2, 3], "similarity": [0.3, 0.3, 0.3]}  # fmt: skip


def listed(tmp_path: Path, table: dict[str, list[Any]], **columns: Any) -> list[dict[str, Any]]:
    pq.write_table(pa.table(table), tmp_path / "in.parquet")
    scratch = Scratch(str(tmp_path / "out"), tmp_path)
    extract(("metadata", str(tmp_path / "in.parquet"), "r.parquet"), scratch, Columns(**columns))
    return pq.read_table(tmp_path / "out/r.parquet").to_pylist()


def test_lists_of_others_name_their_columns(tmp_path: Path) -> None:
    rows = listed(tmp_path, LAION, uid="SAMPLE_ID", url="URL", caption="TEXT")
    assert [(row["uid"], row["url"], row["caption"]) for row in rows] == [
        ("7", "http://a.example/1", "one"), ("8", "http://a.example/2", None), ("9", "http://a.example/1", "three"),
    ]  # fmt: skip


def test_a_list_without_uids_gets_them_from_its_urls(tmp_path: Path) -> None:
    rows = listed(tmp_path, LAION, uid=None, url="URL", caption="TEXT")
    assert rows[0]["uid"] == rows[2]["uid"] == xxhash.xxh3_128_hexdigest("http://a.example/1")
    assert rows[1]["uid"] != rows[0]["uid"]
    assert listed(tmp_path, {"url": ["http://a.example/1", None, ""]}, uid=None)[0]["uid"] == rows[0]["uid"]
    assert len(listed(tmp_path, {"url": ["http://a.example/1", None, ""]}, uid=None)) == 1


@pytest.mark.parametrize(
    ("columns", "missing"),
    [({}, "uid, url"), ({"uid": None}, "url"), ({"uid": None, "url": "URL", "caption": "text"}, "text")],
)
def test_a_column_that_is_not_there_is_named_beside_those_that_are(
    tmp_path: Path, columns: dict[str, Any], missing: str
) -> None:
    with pytest.raises(InputError, match=rf"no column {missing}; it has SAMPLE_ID, URL, TEXT.*`columns:`"):
        listed(tmp_path, LAION, **columns)
