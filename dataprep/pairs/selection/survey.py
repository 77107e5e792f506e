"""What selection needs to know of every pair, without its picture: one Parquet part per tar.

Only pairs that packing would take are part of it, so that a copy which is rejected anyway does not count as the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.engine.paths import STAGING
from dataprep.engine.rejects import RejectError, Rejects
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.image_text.settings import TaskSpec
from dataprep.images.perceptual_hash import difference_hash
from dataprep.pairs.read import read_rows
from dataprep.pairs.task import Payload, judge
from dataprep.storage import files

STAGE = "survey"
SCHEMA = pa.schema(
    [
        ("number", pa.int32()),
        ("place", pa.int64()),
        ("uid", pa.string()),
        ("url", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("aspect", pa.float64()),
        ("bytes", pa.int64()),
        ("hash", pa.int64()),
        ("fields", pa.string()),
    ]
)
"""`number` is the tar's, `place` the row's among those that `read_rows` yields for it."""


def part_file(number: int) -> str:
    """Name of the part for tar `number`, below the dataset's root."""
    return f"{STAGING}/survey-parts/{number:05}.parquet"


def survey(payload: Payload, scratch: Scratch, spec: TaskSpec) -> Receipt:
    """Survey one tar. The receipt has: rows."""
    number, path = payload
    found: list[dict[str, Any]] = []
    with files.open_input(path) as tar:
        for place, row in enumerate(read_rows(tar, path, Rejects())):
            try:
                info = judge(row, tar, spec)[1]
            except RejectError:
                continue
            hashed = difference_hash(row.image.read(tar)) if spec.job.hashes else None
            long, short = max(info.width, info.height), min(info.width, info.height)
            found.append(
                {
                    "number": number,
                    "place": place,
                    "uid": row.uid,
                    "url": row.url,
                    "width": info.width,
                    "height": info.height,
                    "aspect": long / short,
                    "bytes": row.image.size,
                    "hash": hashed,
                    "fields": _fields(row.meta) if spec.job.where is not None else "{}",
                }
            )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(found, SCHEMA), sink, compression="zstd")
    scratch.publish_bytes(bytes(sink.getvalue()), part_file(number))
    return {"rows": len(found)}


def _fields(meta: Mapping[str, Any]) -> str:
    """`meta` as JSON. orjson reads deeper nesting than it writes; then only plain values are left to `where`."""
    try:
        return orjson.dumps(meta).decode()
    except TypeError:
        return orjson.dumps(
            {name: value for name, value in meta.items() if not isinstance(value, list | dict)}
        ).decode()


def read(out: str, number: int) -> Iterator[pa.RecordBatch]:
    """The record batches of a part."""
    with files.open_input(files.join(out, part_file(number))) as stream:
        yield from pq.ParquetFile(stream).iter_batches(8192)
