"""Tests of the sidecar of text: a row for each document, in order, and an index of its parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from dataprep.provenance import token_parts
from dataprep.provenance.token_parts import Index, Writer, index


def test_documents_are_written_in_order_with_their_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_parts, "ROWS", 3)
    with Writer(tmp_path / "part", ["url", "id"]) as writer:
        for first in range(0, 8, 2):
            lines = [first + 1, first + 2]
            writer.add(lines, np.array([10 * one for one in lines]), [[f"u{one}" for one in lines], [None, "x"]])
    table = pq.read_table(tmp_path / "part")
    assert table["line"].to_pylist() == list(range(1, 9))
    assert table["tokens"].to_pylist() == [10 * line for line in range(1, 9)]
    assert table["url"].to_pylist() == [f"u{line}" for line in range(1, 9)]
    assert table["id"].to_pylist() == [None, "x"] * 4
    assert pq.ParquetFile(tmp_path / "part").num_row_groups == 2, "a group is full from so many rows on"


def test_a_part_without_documents_is_a_part(tmp_path: Path) -> None:
    with Writer(tmp_path / "part", ["url"]):
        pass
    assert pq.read_table(tmp_path / "part").column_names == ["line", "tokens", "url"]


def test_a_task_that_failed_has_no_half_of_a_batch(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="later"), Writer(tmp_path / "part", []) as writer:  # noqa: PT012
        writer.add([1], np.array([1]), [])
        raise RuntimeError("later")
    assert pq.read_table(tmp_path / "part").num_rows == 0


def test_the_index_names_parts_in_plan_order(tmp_path: Path) -> None:
    receipts = [{"splits": {"train": {"documents": n, "tokens": 10 * n}, "held_out": {}}} for n in (3, 0)]
    data = index("train", 16, 7, ["in/a", "in/b"], receipts)
    found = Index.model_validate_json(data)
    assert (found.seq_len, found.key) == (16, 7)
    assert [(one.input, one.part, one.documents, one.tokens) for one in found.parts] == [
        ("in/a", "provenance/train.000000.parquet", 3, 30),
        ("in/b", "provenance/train.000001.parquet", 0, 0),
    ]
    with pytest.raises(ValidationError):
        Index.model_validate({**json.loads(data), "version": 2})
