"""Tests of the survey of one input: a row for each document, with what the job's rules ask for and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import xxhash

from dataprep.engine.task_workspace import Scratch
from dataprep.text.config import TextJob
from dataprep.text.inputs import Input
from dataprep.text.selection import minhash
from dataprep.text.selection import survey as module
from dataprep.text.selection.survey import SCHEMA, read, survey

ROWS = [
    {"text": "one two", "url": "u", "score": 0.5, "more": [1]},
    {"text": "", "url": "empty"},
    {"text": "drei"},
    {"text": "one two", "score": None},
]


def surveyed(folder: Path, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> pa.Table:
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = TextJob.model_validate({"inputs": str(source), "out": str(folder / "out"), "tokenizer": "t", **changes})
    (folder / "work").mkdir(exist_ok=True)
    receipt = survey(Input(7, str(source)), Scratch(job.out, folder / "work"), job=job, search=None)
    table = pa.Table.from_batches(read(job.out, 7), SCHEMA)
    assert receipt == {"rows": table.num_rows}
    return table


def test_documents_by_line_length_and_text(tmp_path: Path) -> None:
    found = surveyed(tmp_path)
    assert found["line"].to_pylist() == [1, 3, 4], "what is rejected is not part of it"
    assert found["characters"].to_pylist() == [7, 4, 7]
    digests = found["digest"].to_pylist()
    assert digests == [xxhash.xxh3_128_digest(text) for text in (b"one two", b"drei", b"one two")]
    assert found["fields"].to_pylist() == ["{}"] * 3
    assert found["bands"].null_count == found["item"].null_count == 3


def test_columns_of_the_predicate_alone_travel(tmp_path: Path) -> None:
    found = surveyed(tmp_path, where="score > 0", fields="score double, url string")
    assert [json.loads(row) for row in found["fields"].to_pylist()] == [
        {"score": 0.5, "url": "u"}, {}, {"score": None}
    ]  # fmt: skip


def test_near_duplicates_are_compared_by_their_signature(tmp_path: Path) -> None:
    near = {"ngram": 1, "bands": 3, "rows": 2}
    found = surveyed(tmp_path, near_duplicates=near)["bands"].to_pylist()
    assert found == [list(one) for one in minhash.bands(["one two", "drei", "one two"], n=1, bands=3, rows=2)]
    assert (found[0] == found[2], found[0] == found[1], len(found[0])) == (True, False, 3)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_part_is_the_same_in_any_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    rows = [{"text": f"text {number}"} for number in range(7)]
    whole = surveyed(tmp_path, rows)
    monkeypatch.setattr(module, "ROWS", batch)
    assert surveyed(tmp_path, rows).equals(whole)


def test_an_input_without_documents_is_an_empty_part(tmp_path: Path) -> None:
    assert surveyed(tmp_path, []).num_rows == 0
