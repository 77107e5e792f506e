"""Brings a decision that Spark has made over all inputs back to one task an input.

A survey has left a Parquet part for every input; a DataFrame of all parts decides which rows are left out. The decision
is shuffled so that its partition n holds what concerns input n, and goes to that input's task as one array.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import RDD, SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from dataprep.engine.progress import Progress
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt, Task, run_tasks

Rows = npt.NDArray[np.void]
"""What was decided about one input's rows: a structured array, in the order of its first field."""
Read = Callable[[int], Iterator[pa.RecordBatch]]
"""The survey of input n, as the columns of its schema."""
Publish = Callable[[int, Rows, Scratch], Receipt]
_PACKED = "number int, rows binary"


def run(
    spark: SparkSession,
    tasks: Sequence[Task],
    read: Read,
    schema: str,
    decide: Callable[[DataFrame], DataFrame],
    row: np.dtype[np.void],
    publish: Publish,
    *,
    out: str,
    stage: str,
    progress: Progress | None,
) -> None:
    """Run `publish(n, rows, scratch)` for every input n whose task in `tasks` has no receipt of `stage`.

    Args:
        schema: of what `read` yields, as Spark writes it.
        decide: from the surveys of all inputs to rows with the columns `number` (of the input) and those of `row`.
        row: fields of a row as it crosses to the tasks, integers; what is null becomes -1.
    """
    count = len(tasks)

    def deliver(context: SparkContext, missing: list[Task]) -> RDD[Task]:
        if not context.getConf().contains("spark.sql.shuffle.partitions"):  # an input's share of a shuffle fits a task
            spark.conf.set("spark.sql.shuffle.partitions", str(max(count, context.defaultParallelism)))
        wanted = {task.name for task in missing}
        names = {number: task.name for number, task in enumerate(tasks) if task.name in wanted}
        surveyed = spark.range(0, count, 1, count).mapInArrow(functools.partial(_read, read=read), schema)
        decision = decide(surveyed).repartitionById(count, F.col("number"))
        packed = decision.mapInArrow(functools.partial(_pack, row=row), _PACKED)
        return packed.rdd.mapPartitionsWithIndex(functools.partial(_tasks, names=names, row=row))

    work = functools.partial(_publish, row=row, publish=publish)
    run_tasks(spark, tasks, work, out=out, stage=stage, progress=progress, deliver=deliver)


def _read(batches: Iterator[pa.RecordBatch], *, read: Read) -> Iterator[pa.RecordBatch]:
    for numbers in batches:
        for number in numbers.column(0).to_pylist():
            yield from read(number)


def _pack(batches: Iterator[pa.RecordBatch], *, row: np.dtype[np.void]) -> Iterator[pa.RecordBatch]:
    """Many rows to one per batch: what crosses to the tasks is arrays, not rows."""
    for batch in batches:
        if batch.num_rows:
            rows = np.empty(batch.num_rows, row)
            for name in row.names or ():
                rows[name] = batch.column(name).fill_null(-1).to_numpy()
            arrays = [batch.column("number")[:1], pa.array([rows.tobytes()], pa.binary())]
            yield pa.RecordBatch.from_arrays(arrays, ["number", "rows"])


def _tasks(
    number: int, parts: Iterator[tuple[int, bytes]], *, names: dict[int, str], row: np.dtype[np.void]
) -> Iterator[Task]:
    if number in names:
        rows = np.frombuffer(b"".join(part for _, part in parts), row)
        first = (row.names or ("",))[0]
        yield Task(names[number], (number, rows[np.argsort(rows[first])].tobytes()))


def _publish(payload: tuple[int, bytes], scratch: Scratch, *, row: np.dtype[np.void], publish: Publish) -> Receipt:
    number, data = payload
    return publish(number, np.frombuffer(data, row), scratch)
