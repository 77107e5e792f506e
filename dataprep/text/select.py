"""Choose documents before they are tokenized: a Spark SQL predicate, and exact deduplication.

A survey of the inputs (without texts) goes through Spark DataFrames, which decide what is dropped and why; each input's
share of the decision is brought to one task and published, and the tokenize stage leaves those documents out. The order
is that of the settings: `where` first, so that a copy that was filtered out does not count as the first. Of equal texts
the first stays, in the order of the plan, whatever the cluster's size.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark import RDD, SparkContext
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from dataprep import files
from dataprep.plan import STAGING
from dataprep.progress import Progress
from dataprep.tasks import Receipt, Scratch, Task, run_tasks
from dataprep.text import inputs, survey
from dataprep.text.config import TextJob
from schemas.errors import InputError

STAGE = "select"
REASONS = ("where", "duplicate")
"""Reason codes; a decision holds their index."""
_SURVEY = "number int, line long, characters long, digest binary, fields string"
_DECISION = "number int, lines binary, reasons binary"


def selection_file(number: int) -> str:
    """Name of the list of documents of input `number` that are left out, below the dataset's root."""
    return f"{STAGING}/selection/{number:06}.bin"


def dropped(out: str, number: int) -> dict[int, str]:
    """Reason by line of the documents of an input that are left out."""
    data = files.read_bytes(files.join(out, selection_file(number)))
    count = len(data) // 9
    lines, reasons = np.frombuffer(data, np.int64, count), np.frombuffer(data, np.uint8, count, 8 * count)
    return {line: REASONS[reason] for line, reason in zip(lines.tolist(), reasons.tolist(), strict=True)}


def check(spark: SparkSession, job: TextJob) -> None:
    """See that the predicate can be run, before anything else is.

    Raises:
        InputError: `where` or `fields` is not Spark SQL, or names columns that do not exist.
    """
    _decide(spark.createDataFrame([], _SURVEY), job)


def run(spark: SparkSession, job: TextJob, uris: list[str], out: str, progress: Progress | None) -> None:
    """Survey the inputs and publish which documents are left out."""
    tasks = inputs.tasks(uris)
    run_tasks(spark, tasks, functools.partial(survey.survey, job=job), out=out, stage=survey.STAGE, progress=progress)
    deliver = functools.partial(_deliver, spark=spark, job=job, out=out, count=len(uris))
    run_tasks(spark, tasks, _publish, out=out, stage=STAGE, progress=progress, deliver=deliver)


def _decide(surveyed: DataFrame, job: TextJob) -> DataFrame:
    """Rows (number, line, reason) of the documents that are left out."""
    try:
        kept = F.lit(True)
        if job.where is not None:
            surveyed = surveyed.select("*", F.from_json("fields", job.fields).alias("row"))
            # The predicate sees the row's fields by their own names; ours cannot collide with them.
            ours = F.struct("number", "line", "digest").alias("__document")
            surveyed = surveyed.select(ours, "characters", "row.*")
            surveyed = surveyed.select("__document.*", F.when(F.expr(job.where), True).otherwise(False).alias("kept"))
            kept = F.col("kept")
        decided = surveyed.select("number", "line", F.when(~kept, 0).alias("reason"), "digest")
        if job.deduplicate:
            copies = Window.partitionBy("digest", "reason").orderBy("number", "line")
            again = F.col("reason").isNull() & (F.row_number().over(copies) > 1)
            decided = decided.withColumn("reason", F.when(again, 1).otherwise(F.col("reason")))
        return decided.where("reason is not null").select("number", "line", "reason")
    except (AnalysisException, ParseException) as error:
        problem = (error.getMessage() or str(error)).splitlines()[0]
        raise InputError(
            f"not a Spark SQL predicate over `fields`: {problem}", field="where", remedy="see the columns in `fields`"
        ) from None


def _deliver(
    context: SparkContext, missing: list[Task], *, spark: SparkSession, job: TextJob, out: str, count: int
) -> RDD[Task]:
    """The decision's partition n is input n: its task gets (number, lines, reasons)."""
    surveyed = spark.range(0, count, 1, count).mapInArrow(functools.partial(_read, out=out), _SURVEY)
    decision = _decide(surveyed, job).repartitionById(count, F.col("number")).mapInArrow(_pack, _DECISION)
    wanted = {task.payload.number for task in missing}
    return decision.rdd.mapPartitionsWithIndex(functools.partial(_tasks, wanted=wanted))


def _read(batches: Iterator[pa.RecordBatch], *, out: str) -> Iterator[pa.RecordBatch]:
    for numbers in batches:
        for number in numbers.column(0).to_pylist():
            for batch in survey.read(out, number):
                digest = batch.column("digest").cast(pa.binary())
                columns = [batch.column("line"), batch.column("characters"), digest, batch.column("fields")]
                repeated = pa.array(np.full(batch.num_rows, number, np.int32))
                names = ["number", "line", "characters", "digest", "fields"]
                yield pa.RecordBatch.from_arrays([repeated, *columns], names)


def _pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Many rows to one per batch: what crosses to the tasks is arrays, not rows."""
    for batch in batches:
        if batch.num_rows:
            lines = batch.column("line").to_numpy().astype(np.int64)
            reasons = batch.column("reason").to_numpy().astype(np.uint8)
            first = pa.array(batch.column("number")[:1], pa.int32())
            arrays = [first, pa.array([lines.tobytes()]), pa.array([reasons.tobytes()])]
            yield pa.RecordBatch.from_arrays(arrays, ["number", "lines", "reasons"])


def _tasks(number: int, rows: Iterator[tuple[int, bytes, bytes]], *, wanted: set[int]) -> Iterator[Task]:
    if number not in wanted:
        return
    parts = [(np.frombuffer(lines, np.int64), np.frombuffer(reasons, np.uint8)) for _, lines, reasons in rows]
    lines = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
    reasons = np.concatenate([np.empty(0, np.uint8), *(part[1] for part in parts)])
    order = np.argsort(lines)
    name = inputs.task_name(number)
    yield Task(name, (number, lines[order].tobytes() + reasons[order].tobytes()))


def _publish(payload: tuple[int, bytes], scratch: Scratch) -> Receipt:
    number, data = payload
    scratch.publish_bytes(data, selection_file(number))
    return {"rows": len(data) // 9}
