"""Collects what selection needs to know of every document, without its text: one Parquet part per input file.

Columns: `line`, `characters`, `digest` (xxh3-128 of the text, for exact deduplication), `fields` (JSON of the columns
that `where` may use), `bands` (of the MinHash signature) and `item` (an evaluation item that the text holds); the last
two are null where the job does not ask for them.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from dataprep.engine.paths import STAGING
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.storage import files
from dataprep.text.config import TextJob, top_level
from dataprep.text.inputs import Input
from dataprep.text.read import Document, documents
from dataprep.text.selection import evaluation_sets, minhash

STAGE = "survey"
ROWS = 8192
"""Documents in a record batch."""
SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("characters", pa.int64()),
        ("digest", pa.binary(16)),
        ("fields", pa.string()),
        ("bands", pa.list_(pa.int64())),
        ("item", pa.int32()),
    ]
)


def part_file(number: int) -> str:
    """Name of the part for input `number`, below the dataset's root."""
    return f"{STAGING}/survey-parts/{number:06}.parquet"


def survey(payload: Input, scratch: Scratch, *, job: TextJob, search: evaluation_sets.Search | None) -> Receipt:
    """Survey one input file; rejects are not part of it. The receipt has: rows."""
    local, rows = scratch.path("survey.parquet"), 0
    columns = top_level(job.fields) if job.where else []
    with pq.ParquetWriter(local, SCHEMA, compression="zstd") as parquet:
        for batch in _batches(payload.uri, job):
            rows += len(batch)
            arrays = [
                pa.array([row.line for row in batch], pa.int64()),
                pa.array([len(row.text) for row in batch], pa.int64()),
                pa.array([xxhash.xxh3_128_digest(row.text.encode()) for row in batch], pa.binary(16)),
                pa.array([_fields(row, columns) for row in batch], pa.string()),
                *_compared([row.text for row in batch], job, search),
            ]
            parquet.write_batch(pa.record_batch(arrays, schema=SCHEMA))
    scratch.publish(local, part_file(payload.number))
    return {"rows": rows}


def read(out: str, number: int) -> Iterator[pa.RecordBatch]:
    """The record batches of a part."""
    with files.open_input(files.join(out, part_file(number))) as stream:
        yield from pq.ParquetFile(stream).iter_batches(ROWS)


def _batches(uri: str, job: TextJob) -> Iterator[list[Document]]:
    batch: list[Document] = []
    characters = 0
    for row in documents(uri, job):
        if isinstance(row, Document):
            batch.append(row)
            characters += len(row.text)
            if len(batch) == ROWS or characters > 16 << 20:
                yield batch
                batch, characters = [], 0
    if batch:
        yield batch


def _compared(texts: list[str], job: TextJob, search: evaluation_sets.Search | None) -> tuple[pa.Array, pa.Array]:
    """The columns `bands` and `item`."""
    near = job.near_duplicates
    bands = minhash.bands(texts, n=near.ngram, bands=near.bands, rows=near.rows) if near else [None] * len(texts)
    items = evaluation_sets.matches(texts, search) if search else [None] * len(texts)
    return pa.array(bands, pa.list_(pa.int64())), pa.array(items, pa.int32())


def _fields(row: Document, columns: list[str]) -> str:
    found = {name: row.row[name] for name in columns if name in row.row}
    return orjson.dumps(found, default=str).decode()
