"""Tests of which rows a takedown request names: exact uids and URLs, hosts with their subdomains."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from dataprep.provenance import row_parts
from dataprep.takedown.request import Gone, Request, find
from schemas import row_provenance
from schemas.manifest import ShardReceipt

URLS = ["http://a.example/1", "http://IMG.a.example:8080/2", "http://a.example.evil/3", None, "http://b/?u=a.example"]
PAIRS = pa.table({"uid": ["u0", "u1", "u2", "u3", "u4"], "url": URLS})


@pytest.mark.parametrize(
    ("request_", "rows"),
    [
        (Request(), []),
        (Request(uids=frozenset(["u3", "u1", "other", "U2"])), [1, 3]),
        (Request(urls=frozenset(["http://a.example/1", "http://a.example"])), [0]),
        (Request(hosts=frozenset([".A.Example."])), [0, 1]),
        (Request(hosts=frozenset(["example"])), [0, 1]),
        (Request(hosts=frozenset(["img.a.example"])), [1]),
        (Request(frozenset(["u4"]), frozenset(["http://a.example.evil/3"]), frozenset(["b"])), [2, 4]),
    ],
)
def test_a_row_goes_when_anything_names_it(request_: Request, rows: list[int]) -> None:
    assert request_.rows_of(PAIRS) == rows
    assert bool(request_) is bool(rows)


def test_conversations_have_ids_and_no_urls() -> None:
    table = pa.table({"id": ["a", "b"]})
    asked = Request(frozenset(["b"]), frozenset(["http://a.example/1"]), frozenset(["a.example"]))
    assert asked.rows_of(table) == [1]


def test_rows_are_found_over_all_tasks_in_the_datasets_order(tmp_path: Path) -> None:
    for task, uids in ((0, ["a", "b", "c"]), (2, ["d", "a"])):
        count = len(uids)
        table = pa.table({
            "sample": pa.array([0, 0, 1][:count], pa.int32()), "start": pa.array([0, 5, 0][:count], pa.int32()),
            "tokens": pa.array([5, 6, 7][:count], pa.int32()), "images": pa.array([1, 2, 1][:count], pa.int32()),
            "row": uids, "uid": uids, "url": [f"http://h/{uid}" for uid in uids],
        })  # fmt: skip
        file = tmp_path / row_provenance.part_file(task)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(row_parts.part_bytes(table))
    names = [f"shard.{row_parts.shard_number(task, n):05}.mds" for task in (0, 2) for n in (0, 1)]
    shards = [ShardReceipt(name=name, samples=1, bytes=1, digest="0") for name in names]
    manifest = SimpleNamespace(shards=shards)
    found = find(str(tmp_path), manifest, Request(uids=frozenset("ac")))  # type: ignore[arg-type]
    assert found == [Gone(0, 0, 0, "a", 5, 1), Gone(0, 2, 1, "c", 7, 1), Gone(2, 1, 0, "a", 6, 2)]
