"""Tests of the list of documents that a selection leaves out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.text.left_out import SCHEMA, dropped, rejects_file


def test_lines_are_found_with_their_reasons_in_the_list_of_their_input(tmp_path: Path) -> None:
    (tmp_path / "rejects").mkdir()
    for number, rows in ((0, []), (7, [(3, "duplicate"), (1, "where")])):
        table = pa.Table.from_pylist([{"line": line, "reason": reason} for line, reason in rows], schema=SCHEMA)
        pq.write_table(table, tmp_path / rejects_file(number))
    assert dropped(str(tmp_path), 0) == {}
    assert dropped(str(tmp_path), 7) == {3: "duplicate", 1: "where"}
