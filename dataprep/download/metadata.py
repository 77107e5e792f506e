"""Second stage: join metadata and DataComp-DR on uid, and deal the rows out to shards.

A uid's shard is a hash of the uid modulo the number of shards: the same on any cluster, without a global sort, and
with a host's URLs spread over shards, so that no task hammers one server. Within a shard rows are in uid order, which
fixes their keys. A uid that occurs twice keeps its smallest row; what is in one input only is counted by reason.

Files are read and written by pyarrow inside the executors, so every storage that `dataprep.files` knows works
without Hadoop's connectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from dataprep import files
from dataprep.download.account import Reason
from dataprep.download.extract import SCHEMA
from dataprep.plan import STAGING

STAGE = "rows"
ROWS_PER_PARTITION = 200_000
_SPARK_SCHEMA = (
    "uid string, url string, caption string, syn_text array<string>, expected_sha256 string, "
    "clip_b32_similarity_score double, clip_l14_similarity_score double"
)


def shard_file(shard: int) -> str:
    """Name of the rows of `shard`, below the output directory."""
    return f"{STAGING}/{STAGE}/{shard:05}.parquet"


def join(
    spark: SparkSession, out: str, metadata: Sequence[str], dr: Sequence[str], rows_per_shard: int, total: int
) -> dict[str, Any]:
    """Join extracted files and publish each shard's rows; or the result of an earlier run, if there is one.

    Args:
        metadata, dr: files that `extract` published, as names below `out`; one of the two may be empty.
        total: their rows, by which the shuffle is sized.

    Returns:
        `shards`: row count by shard number (as text); `rejected`: uids by reason; `rows`: uids to download.
    """
    done = files.join(out, STAGING, STAGE, "done.json")
    if files.exists(done):
        return dict(files.read_json(done))
    partitions = max(spark.sparkContext.defaultParallelism, -(-total // ROWS_PER_PARTITION))
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))  # the result does not depend on it
    sides = [_unique(_read(spark, out, names)) for names in (metadata, dr) if names]
    counted = [_count(side) for side in sides]
    uids, duplicates = [one[0] for one in counted], sum(copies - distinct for distinct, copies in counted)
    rows = _merge(*sides) if len(sides) == 2 else sides[0].drop("copies")
    rows = rows.persist(StorageLevel.DISK_ONLY)  # counted, then written: the join need not run twice
    matched = rows.count()
    rejected = {str(Reason.DUPLICATE_UID): duplicates}
    if len(sides) == 2:
        rejected[str(Reason.NOT_IN_DR)] = uids[0] - matched
        rejected[str(Reason.NOT_IN_METADATA)] = uids[1] - matched
    shards = max(1, -(-matched // rows_per_shard))
    dealt = rows.withColumn("shard", F.expr(f"int(pmod(xxhash64(uid), {shards}))"))
    written = dealt.groupBy("shard").applyInArrow(lambda table: _write_shard(table, out), "shard int, rows long")
    counts = written.collect()
    result: dict[str, Any] = {
        "shards": {str(row["shard"]): row["rows"] for row in sorted(counts)},
        "rejected": {reason: count for reason, count in rejected.items() if count},
        "rows": matched,
    }
    rows.unpersist()
    assert sum(result["shards"].values()) == matched
    files.publish_bytes(files.to_json(result), done)
    return result


def _read(spark: SparkSession, out: str, names: Sequence[str]) -> DataFrame:
    uris = [(files.join(out, name),) for name in names]
    listed = spark.createDataFrame(spark.sparkContext.parallelize(uris, len(uris)), "uri string")
    return listed.mapInArrow(_read_batches, _SPARK_SCHEMA)


def _read_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for uri in batch.column("uri").to_pylist():
            with files.open_input(uri) as stream:
                yield from pq.ParquetFile(stream).iter_batches(8192)


def _unique(rows: DataFrame) -> DataFrame:
    """One row a uid, the smallest by URL and then all other columns, and how many copies there were."""
    others = [name for name in SCHEMA.names if name != "uid"]
    grouped = rows.groupBy("uid").agg(F.min(F.struct(*others)).alias("row"), F.count("*").alias("copies"))
    return grouped.select("uid", "row.*", "copies")


def _count(rows: DataFrame) -> tuple[int, int]:
    """uids, and the input rows that they come from."""
    counted = rows.agg(F.count("uid").alias("uids"), F.coalesce(F.sum("copies"), F.lit(0)).alias("copies")).collect()[0]
    return int(counted["uids"]), int(counted["copies"])


def _merge(metadata: DataFrame, dr: DataFrame) -> DataFrame:
    """URL, caption and scores from the metadata, synthetic captions from the tars, the hash from either."""
    left, right = metadata.alias("m"), dr.alias("d")
    taken = {
        "syn_text": F.col("d.syn_text"),
        "expected_sha256": F.coalesce("m.expected_sha256", "d.expected_sha256"),
    }
    columns = [taken.get(name, F.col(f"m.{name}")).alias(name) for name in SCHEMA.names]
    return left.join(right, F.col("m.uid") == F.col("d.uid")).select(*columns)


def _write_shard(table: pa.Table, out: str) -> pa.Table:
    shard = table.column("shard")[0].as_py()
    rows = table.select(SCHEMA.names).sort_by("uid").cast(SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    files.publish_bytes(sink.getvalue(), files.join(out, shard_file(shard)))
    return pa.table({"shard": pa.array([shard], pa.int32()), "rows": pa.array([rows.num_rows], pa.int64())})
