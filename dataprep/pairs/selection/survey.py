"""Notes what selection needs to know of every pair, without its picture: one Parquet part per tar.

Selection reads of the pairs that packing would take alone, so that a copy which is rejected anyway does not count as
the first. Packing reads the reasons of the others (`left_out.verdicts`), and looks at no picture a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep.engine.rejects import RejectError, Rejects
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.image_text import held_out
from dataprep.image_text.settings import TaskSpec
from dataprep.images.perceptual_hash import difference_hash
from dataprep.pairs import inputs
from dataprep.pairs.config import PairsJob
from dataprep.pairs.left_out import survey_file
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
        ("reason", pa.string()),
        ("detail", pa.binary()),
        ("held_out", pa.bool_()),
    ]
)
"""`number` is the tar's, `place` the row's among those that `read_rows` yields for it; of a row with a `reason`, which
packing rejects, the rest is null. `detail` is text, in which files may have put what no Parquet string can hold.
`held_out` is null where the job holds nothing out."""
_TAKEN = SCHEMA.names[: SCHEMA.names.index("reason")]


def survey(payload: Payload, scratch: Scratch, spec: TaskSpec) -> Receipt:
    """Survey one tar. The receipt has: rows."""
    (number, path), taken = payload, 0
    found: list[dict[str, Any]] = []
    with inputs.opened(path, Rejects(), scratch.directory) as (tar, rows):
        for place, row in enumerate(rows):
            try:
                info = judge(row, tar, spec)[1]
            except RejectError as refused:
                detail = refused.detail.encode("utf-8", "surrogatepass")
                found.append({"number": number, "place": place, "reason": refused.reason, "detail": detail})
                continue
            taken += 1
            data = row.image.read(tar) if spec.job.hashes or spec.job.held_out else b""
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
                    "hash": difference_hash(data) if spec.job.hashes else None,
                    "fields": _fields(row.meta) if spec.job.where is not None else "{}",
                    "held_out": _held_out(data, spec.job) if spec.job.held_out else None,
                }
            )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(found, SCHEMA), sink, compression="zstd")
    scratch.publish_bytes(bytes(sink.getvalue()), survey_file(number))
    return {"rows": taken}


def _held_out(data: bytes, job: PairsJob) -> bool:
    return held_out.is_held_out(held_out.digest(data), job.held_out, job.seed)


def _fields(meta: Mapping[str, Any]) -> str:
    """`meta` as JSON. orjson reads deeper nesting than it writes; then only plain values are left to `where`."""
    try:
        return orjson.dumps(meta).decode()
    except TypeError:
        return orjson.dumps(
            {name: value for name, value in meta.items() if not isinstance(value, list | dict)}
        ).decode()


def read(out: str, number: int) -> Iterator[pa.RecordBatch]:
    """The pairs of a part that packing would take."""
    with files.open_input(files.join(out, survey_file(number))) as stream:
        for batch in pq.ParquetFile(stream).iter_batches(8192):
            taken = batch.filter(pc.is_null(batch["reason"])) if "reason" in batch.schema.names else batch
            yield taken.select(_TAKEN)
