"""The join of metadata and tars, against a dictionary that does the same one row at a time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from dataprep.download.extract import SCHEMA
from dataprep.download.join import Dealing, _join, _Slice, join, shard_file
from dataprep.engine.task_workspace import Scratch

ROW = st.fixed_dictionaries(
    {
        "uid": st.sampled_from("abcdef"),
        "url": st.sampled_from([None, "u", "v"]),
        "caption": st.sampled_from([None, "", "x"]),
        "syn_text": st.lists(st.sampled_from(["s", "t"]), max_size=2),
        "expected_sha256": st.sampled_from([None, "h"]),
    }
)


def sliced(rows: list[dict[str, Any]], side: int) -> list[_Slice]:
    table = pa.Table.from_pylist(rows, SCHEMA)
    parts = []
    for number, batch in enumerate(table.to_batches(max_chunksize=2)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, SCHEMA) as writer:
            writer.write_batch(batch)
        parts.append(_Slice((side, 0, number), sink.getvalue().to_pybytes()))
    return parts


def published(out: Path) -> dict[str, dict[str, Any]]:
    rows = [row for path in sorted(out.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len({row["uid"] for row in rows}) == len(rows)
    return {row["uid"]: row for row in rows}


@settings(deadline=None, max_examples=40)
@given(st.lists(ROW, max_size=12), st.lists(ROW, max_size=12), st.integers(1, 3), st.randoms())
def test_every_row_is_matched_or_counted_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory,
    left: list[dict[str, Any]],
    right: list[dict[str, Any]],
    shards: int,
    order: random.Random,
) -> None:
    found = []
    for _ in range(2):
        out = tmp_path_factory.mktemp("join")
        slices = sliced(left, 0) + sliced(right, 1)
        receipt = _join(slices, Scratch(str(out), out), sides=2, dealing=Dealing(shards, 1))
        found.append((published(out), receipt))
        order.shuffle(left)
        order.shuffle(right)
    assert found[0] == found[1]
    rows, receipt = found[0]
    both = {row["uid"] for row in left} & {row["uid"] for row in right}
    assert rows.keys() == both
    distinct = [len({row["uid"] for row in side}) for side in (left, right)]
    assert receipt["duplicates"] == len(left) + len(right) - sum(distinct)
    assert receipt["unmatched"] == [distinct[0] - len(both), distinct[1] - len(both)]
    for name, row in rows.items():
        assert (row["url"], row["caption"]) in [(one["url"], one["caption"]) for one in left if one["uid"] == name]
        assert row["syn_text"] in [one["syn_text"] for one in right if one["uid"] == name]


def test_rows_of_many_tasks_end_in_their_shards_in_uid_order(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataprep.download.join.ROWS_PER_TASK", 40)
    rows = [{"uid": f"{n:03}", "url": f"http://a.example/{n}"} for n in range(150)]
    receipts = []
    for file in range(3):
        pq.write_table(pa.Table.from_pylist(rows[file::3], SCHEMA), tmp_path / f"{file}.parquet")
        receipts.append({"file": f"{file}.parquet", "written": 50})
    (tmp_path / ".switchpoint").mkdir()
    result = join(spark, str(tmp_path), [receipts, []], rows_per_shard=10)
    assert (result["rows"], result["rejected"], result["shards"]) == (150, {}, list(range(15)))
    seen = []
    for shard in result["shards"]:
        uids = pq.read_table(tmp_path / shard_file(shard)).column("uid").to_pylist()
        assert uids == sorted(uids)
        seen += uids
    assert sorted(seen) == [row["uid"] for row in rows]
    assert join(spark, str(tmp_path), [receipts, []], rows_per_shard=10) == result


def test_the_smaller_input_bounds_the_number_of_shards() -> None:
    assert Dealing.of([1_000_000, 95_000], 10_000) == Dealing(10, 6)
    assert Dealing.of([0], 10_000) == Dealing(1, 1)
