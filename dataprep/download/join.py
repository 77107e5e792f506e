"""Joins metadata and DataComp-DR on uid and deals the rows out to shards: the second stage of a download.

A uid's shard is a hash of the uid modulo the number of shards: the same on any cluster, without a global sort, and
with a host's URLs spread over shards, so that no task hammers one server. Within a shard rows are in uid order, which
fixes their keys. A uid that occurs twice keeps its smallest row; what is in one input only is counted by reason.

Spark moves the rows, as Arrow batches, to the task that owns their shards; Arrow sorts and joins there. No DataFrame
is involved: planning and compiling a query costs seconds that a join of some thousand rows does not have, and files are
read by pyarrow, so that every storage that `dataprep.storage.files` knows works without Hadoop's connectors.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from pyspark import RDD, SparkContext
from pyspark.sql import SparkSession

from dataprep.download.client.reasons import Reason
from dataprep.download.extract import SCHEMA
from dataprep.engine.paths import STAGING
from dataprep.engine.progress import Progress
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt, Task, run_tasks
from dataprep.storage import files

STAGE = "rows"
ROWS_PER_TASK = 200_000
"""Rows, about, that one task holds in memory."""
_BATCH = 262_144
_SORTED_BY = ["uid", "url", "caption", "expected_sha256", *(f.name for f in SCHEMA if f.type == pa.float64()), "syn"]


@dataclass(frozen=True)
class Dealing:
    """How uids are dealt out: `shards` shards to `tasks` tasks. It follows from the inputs alone, not the cluster."""

    shards: int
    tasks: int

    @classmethod
    def of(cls, rows: Sequence[int], rows_per_shard: int) -> Dealing:
        """Makes the dealing for inputs with `rows` rows each; the smaller one bounds what the join can yield."""
        shards = max(1, -(-min(rows) // rows_per_shard))
        return cls(shards, max(1, min(shards, -(-sum(rows) // ROWS_PER_TASK))))

    def shards_of(self, uids: pa.Array) -> npt.NDArray[np.int64]:
        """The shard of each uid; `shard % tasks` is its task."""
        return np.fromiter(
            (xxhash.xxh3_64_intdigest(uid) % self.shards for uid in uids.to_pylist()), np.int64, len(uids)
        )


@dataclass(frozen=True)
class _Slice:
    """Rows of one input that belong to one task; `place` (side, file, batch) orders them whatever way they came."""

    place: tuple[int, int, int]
    rows: bytes
    """An Arrow IPC stream."""


def shard_file(shard: int) -> str:
    """Name of the rows of `shard`, below the output directory."""
    return f"{STAGING}/{STAGE}/{shard:05}.parquet"


def join(
    spark: SparkSession,
    out: str,
    sides: Sequence[Sequence[Receipt]],
    rows_per_shard: int,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Join extracted files and publish each shard's rows, as far as an earlier run has not.

    Args:
        sides: receipts of `extract` for the metadata, then for the tars; one of the two may be empty.

    Returns:
        `shards`: numbers of the shards that have rows; `rejected`: uids by reason; `rows`: uids to download.
    """
    reasons = [Reason.NOT_IN_DR, Reason.NOT_IN_METADATA] if all(sides) else []
    used = [side for side in sides if side]
    dealing = Dealing.of([sum(receipt["written"] for receipt in side) for side in used], rows_per_shard)
    sources = [
        ((number, file, 0), files.join(out, receipt["file"]))
        for number, side in enumerate(used)
        for file, receipt in enumerate(side)
    ]

    def deliver(context: SparkContext, missing: list[Task]) -> RDD[Task]:
        index = {task.payload: n for n, task in enumerate(missing)}
        cut = functools.partial(_slices, dealing=dealing, wanted=frozenset(index))
        slices = context.parallelize(sources, len(sources)).flatMap(cut)
        dealt = slices.partitionBy(len(missing), functools.partial(_place, index=index))
        return dealt.mapPartitionsWithIndex(functools.partial(_collected, tasks=missing))

    work = functools.partial(_join, sides=len(used), dealing=dealing)
    tasks = [Task(f"join-{n:05}", n) for n in range(dealing.tasks)]
    receipts = run_tasks(spark, tasks, work, out=out, stage=STAGE, progress=progress, deliver=deliver)
    rejected: Counter[str] = Counter()
    for receipt in receipts:
        rejected[str(Reason.DUPLICATE_UID)] += receipt["duplicates"]
        for reason, unmatched in zip(reasons, receipt["unmatched"], strict=True):
            rejected[str(reason)] += unmatched
    shards = sorted(int(shard) for receipt in receipts for shard in receipt["shards"])
    matched = sum(receipt["written"] for receipt in receipts)
    return {"shards": shards, "rejected": dict(+rejected), "rows": matched}


def _slices(
    source: tuple[tuple[int, int, int], str], *, dealing: Dealing, wanted: frozenset[int]
) -> Iterator[tuple[int, _Slice]]:
    """The rows of one extracted file by task."""
    (side, file, _), uri = source
    with files.open_input(uri) as stream:
        for number, batch in enumerate(pq.ParquetFile(stream).iter_batches(_BATCH)):
            task_of = dealing.shards_of(batch.column("uid")) % dealing.tasks
            for task in sorted(wanted & set(task_of.tolist())):
                rows = batch.filter(pa.array(task_of == task)) if dealing.tasks > 1 else batch
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, rows.schema) as writer:
                    writer.write_batch(rows)
                yield task, _Slice((side, file, number), sink.getvalue().to_pybytes())


def _place(task: int, *, index: dict[int, int]) -> int:
    return index[task]


def _collected(partition: int, slices: Iterator[tuple[int, _Slice]], *, tasks: list[Task]) -> Iterator[Task]:
    found = sorted((one for _, one in slices), key=lambda one: one.place)
    yield Task(tasks[partition].name, found)


def _join(slices: Sequence[_Slice], scratch: Scratch, *, sides: int, dealing: Dealing) -> Receipt:
    """Deduplicate each side, match them, and publish the rows of this task's shards."""
    tables = [_table([one.rows for one in slices if one.place[0] == side]) for side in range(sides)]
    unique = [_unique(table) for table in tables]
    rows, unmatched = (unique[0], []) if sides == 1 else _match(*unique)
    shard_of = dealing.shards_of(rows.column("uid"))
    counts: dict[str, int] = {}
    for shard in np.unique(shard_of).tolist():
        of_shard = rows.filter(pa.array(shard_of == shard))
        sink = pa.BufferOutputStream()
        pq.write_table(of_shard, sink, compression="zstd")
        scratch.publish_bytes(sink.getvalue(), shard_file(shard))
        counts[str(shard)] = of_shard.num_rows
    read = sum(table.num_rows for table in tables)
    duplicates = read - sum(table.num_rows for table in unique)
    assert sum(counts.values()) * sides + sum(unmatched) + duplicates == read
    return {"written": rows.num_rows, "shards": counts, "duplicates": duplicates, "unmatched": unmatched}


def _table(parts: Sequence[bytes]) -> pa.Table:
    return pa.concat_tables([SCHEMA.empty_table(), *(pa.ipc.open_stream(part).read_all() for part in parts)])


def _unique(table: pa.Table) -> pa.Table:
    """One row a uid, the smallest by URL and then all other columns, in uid order."""
    captions = pc.binary_join(table.column("syn_text"), "\0")
    ordered = table.append_column("syn", captions).sort_by([(name, "ascending") for name in _SORTED_BY])
    uids = ordered.column("uid").combine_chunks()
    first = np.ones(len(uids), np.bool_)
    if len(uids) > 1:
        first[1:] = pc.not_equal(uids[1:], uids[:-1]).to_numpy(zero_copy_only=False)
    return ordered.drop_columns("syn").filter(pa.array(first))


def _match(metadata: pa.Table, dr: pa.Table) -> tuple[pa.Table, list[int]]:
    """URL, caption and scores from the metadata, synthetic captions from the tars, the hash from either."""
    where = pc.index_in(metadata.column("uid"), value_set=dr.column("uid").combine_chunks())
    rows = metadata.filter(pc.is_valid(where))
    partners = dr.take(where.drop_null())
    hashes = pc.coalesce(rows.column("expected_sha256"), partners.column("expected_sha256"))
    for name, column in {"syn_text": partners.column("syn_text"), "expected_sha256": hashes}.items():
        rows = rows.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
    return rows.cast(SCHEMA), [metadata.num_rows - rows.num_rows, dr.num_rows - rows.num_rows]
