"""Which rows are documents: the others are rejects with their reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from dataprep.dataframe.partition import Written, write
from tests.dataprep.dataframe.conftest import Make
from tests.dataprep.dataframe.test_partition import batches


def rejects(out: Path, receipt: Written) -> list[tuple[str, str]]:
    lines = (out / str(receipt.named)).read_text().splitlines()
    return [(one["row"], one["reason"]) for one in map(json.loads, lines)]


def test_rows_that_are_no_document_are_listed(make: Make, tmp_path: Path) -> None:
    target = make("ids")
    size, pad = target.spec.identity.vocabulary_size, target.spec.identity.pad_id
    rows = [None, [], [0], [5, None], [-1], [size], [5, 0, 5], [5, pad], [5], [size - 1, 0]]
    receipt = write(iter(batches(list(range(10)), rows, pa.list_(pa.int64()))), target, 0, "b")
    assert (receipt.rows, receipt.written, receipt.ids) == (10, 2, 4)
    assert [reason for _, reason in rejects(tmp_path / "out", receipt)] == [
        "missing_document", "empty_text", "empty_text", "bad_ids", "bad_ids", "bad_ids", "several_documents", "bad_ids",
    ]  # fmt: skip
    assert receipt.rejected == {"missing_document": 1, "empty_text": 2, "bad_ids": 4, "several_documents": 1}
    odd = write(iter(batches([1], [b"abc"], pa.binary())), make("bytes", ids_type="uint16"), 0, "c")
    assert (odd.rejected, odd.shards, odd.first) == ({"bad_ids": 1}, [], (1,))
    ends = pa.py_buffer(np.array([0, 2, 4], np.int32).tobytes())
    text = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"\xff\xfeok")])
    receipt = write(iter(batches(["a", "b"], text)), make(), 0, "d")
    assert rejects(tmp_path / "out", receipt) == [("a", "invalid_utf8")]
    assert receipt.written == 1
