"""Stores the classes that Spark's JVM loads, so that later ones map them instead of reading them from 300 jars.

    python scripts/archive_jvm.py ARCHIVE.jsa

`scripts/setup.sh` runs it once; the Makefile names the archive to every JVM (`-XX:SharedArchiveFile`). A JVM ignores an
archive that is missing or belongs to other jars or another Java: it starts more slowly, that is all. What is run here
is what the jobs use: tasks, SQL, Arrow, windows, a shuffle.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main(archive: str) -> None:
    """Run a small job of each kind; the JVM writes `archive` when it ends."""
    options = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xlog:disable"
    os.environ["SPARK_SUBMIT_OPTS"] = f"{options} -XX:ArchiveClassesAtExit={archive}"
    import pyarrow as pa
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

    from dataprep.engine import spark_session as sessions

    def same(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    def whole(table: pa.Table) -> pa.Table:
        return table.select(["id"])

    spark = sessions.session("archive", {"spark.master": "local[1]", "spark.sql.shuffle.partitions": "1"})
    spark.sparkContext.parallelize(range(2), 1).map(lambda one: (one, one)).repartition(1).collect()
    rows = spark.range(0, 2, 1, 1).mapInArrow(same, "id long").withColumn("row", F.from_json(F.lit("{}"), "a int"))
    ranked = rows.withColumn("n", F.row_number().over(Window.partitionBy("row.a").orderBy("id")))
    kept = ranked.select("id", "n")
    kept.where(F.expr("n < 3 and id is not null")).groupBy("n").applyInArrow(whole, "id long").collect()
    java = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
    spark.stop()
    java.stdin.close()  # its sign to end; the archive is written then
    if java.wait(300) or not Path(archive).is_file():
        sys.exit(f"no archive was written to {archive}")


if __name__ == "__main__":
    main(sys.argv[1])
