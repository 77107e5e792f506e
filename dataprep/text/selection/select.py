"""Chooses documents before they are tokenized: a predicate, evaluation sets, duplicates, near-duplicates.

A survey of the inputs (without texts) goes through Spark DataFrames, which decide what is left out and why (`decide`);
each input's share of the decision is brought to one task, which publishes it as a list of rejects: line, reason, and
the document that stays in its place or the evaluation item that it holds. The tokenize stage goes by that list.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from dataprep.engine import per_input
from dataprep.engine.per_input import Rows
from dataprep.engine.progress import Progress
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt, Task, run_tasks
from dataprep.text.config import TextJob
from dataprep.text.left_out import SCHEMA, rejects_file
from dataprep.text.selection import decide, evaluation_sets, survey

STAGE = "select"
_LINE_BITS = 40
"""A document's id is its input's number and its line: they sort as the plan does."""
_ROW = np.dtype([("id", np.int64), ("reason", np.int8), ("kept", np.int64), ("item", np.int32)])
"""One decision as it crosses to the tasks; -1 is none."""


def check(spark: SparkSession, job: TextJob) -> None:
    """See that the predicate can be run, before anything else is.

    Raises:
        InputError: `where` or `fields` is not Spark SQL, or names columns that do not exist.
    """
    if job.where is not None:
        alone = job.model_copy(update={"near_duplicates": None})
        decide.decide(spark.createDataFrame([], decide.SURVEY), alone)


def run(spark: SparkSession, job: TextJob, tasks: list[Task], out: str, progress: Progress | None) -> list[Receipt]:
    """Survey the inputs and publish which documents are left out; returns the receipts of the latter."""
    uris = [task.payload.uri for task in tasks]
    search = evaluation_sets.publish(job.decontaminate, out) if job.decontaminate else None
    look = functools.partial(survey.survey, job=job, search=search)
    surveyed = run_tasks(spark, tasks, look, out=out, stage=survey.STAGE, progress=progress)
    if progress:
        progress.say(f"{STAGE}: deciding which documents are left out, in Spark's shuffle")
    return per_input.run(
        spark,
        tasks,
        sum(receipt["rows"] for receipt in surveyed),
        functools.partial(_read, out=out),
        decide.SURVEY,
        functools.partial(_decide, job=job),
        _ROW,
        functools.partial(_publish, uris=uris, search=search),
        out=out,
        stage=STAGE,
        progress=progress,
    )


def _decide(surveyed: DataFrame, *, job: TextJob) -> DataFrame:
    return decide.decide(surveyed, job).withColumn("number", F.shiftright("id", _LINE_BITS).cast("int"))


def _read(number: int, *, out: str) -> Iterator[pa.RecordBatch]:
    for batch in survey.read(out, number):
        ids = pa.array((number << _LINE_BITS) + batch.column("line").to_numpy())
        others = [batch.column(name) for name in ("characters", "digest", "fields", "bands", "item")]
        others[1] = others[1].cast(pa.binary())
        names = ["id", "characters", "digest", "fields", "bands", "item"]
        yield pa.RecordBatch.from_arrays([ids, *others], names)


def _publish(
    number: int, rows: Rows, scratch: Scratch, *, uris: list[str], search: evaluation_sets.Search | None
) -> Receipt:
    """The reject list of one input. The receipt has: rejected (counts by reason)."""
    mask = (1 << _LINE_BITS) - 1
    items = evaluation_sets.items(search.items) if search else []
    names = np.array(["where", "contaminated", "duplicate", "near_duplicate"], object)
    reasons, found = names[rows["reason"]], rows["item"].tolist()
    for row in np.flatnonzero(rows["reason"] == decide.CONTAMINATED).tolist():
        reasons[row] = f"contaminated:{items[found[row]]['set']}"
    held = [items[one] if code == decide.CONTAMINATED else {} for one, code in zip(found, rows["reason"], strict=True)]
    kept = [(uris[one >> _LINE_BITS], one & mask) if one >= 0 else (None, None) for one in rows["kept"].tolist()]
    columns = [
        pa.array(rows["id"] & mask),
        pa.array(reasons, pa.string()),
        pa.array([file for file, _ in kept], pa.string()),
        pa.array([line for _, line in kept], pa.int64()),
        pa.array([item.get("file") for item in held], pa.string()),
        pa.array([item.get("line") for item in held], pa.int64()),
    ]
    local = scratch.path("rejects.parquet")
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), local, compression="zstd")
    scratch.publish(local, rejects_file(number))
    counts = dict(zip(*np.unique(reasons.astype(str), return_counts=True), strict=True)) if len(rows) else {}
    return {"rows": len(rows), "rejected": {str(name): int(count) for name, count in counts.items()}}
