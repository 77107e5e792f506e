"""Brings a decision that Spark has made over all inputs back to one task an input.

A survey has left a Parquet part for every input; a DataFrame of all parts decides which rows are left out. The decision
is shuffled so that a partition holds what concerns some neighbouring inputs, and goes to each one's task as one array.
Partitions are as many as the rows need, not as the inputs: a shuffle's cost grows with the square of their number.
"""

from __future__ import annotations

import functools
import itertools
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
PART_ROWS = 100_000
"""Surveyed rows in a partition of the shuffle, about: an input's share of a shuffle fits a task."""
Publish = Callable[[int, Rows, Scratch], Receipt]
_PACKED = "number int, rows binary"


def run(
    spark: SparkSession,
    tasks: Sequence[Task],
    rows: int,
    read: Read,
    schema: str,
    decide: Callable[[DataFrame], DataFrame],
    row: np.dtype[np.void],
    publish: Publish,
    *,
    out: str,
    stage: str,
    progress: Progress | None,
) -> list[Receipt]:
    """Run `publish(n, rows, scratch)` for every input n whose task in `tasks` has no receipt of `stage`.

    Args:
        rows: that `read` yields for all inputs together, about.
        schema: of what `read` yields, as Spark writes it.
        decide: from the surveys of all inputs to rows with the columns `number` (of the input) and those of `row`.
        row: fields of a row as it crosses to the tasks, integers; what is null becomes -1.
    """
    count = len(tasks)

    def deliver(context: SparkContext, missing: list[Task]) -> RDD[Task]:
        needed = max(-(-rows // PART_ROWS), context.defaultParallelism)
        if not context.getConf().contains("spark.sql.shuffle.partitions"):
            spark.conf.set("spark.sql.shuffle.partitions", str(needed))
        parts, wanted = min(count, needed), {task.name for task in missing}
        names = [
            {n: tasks[n].name for n in range(low, high) if tasks[n].name in wanted}
            for low, high in itertools.pairwise(-(-part * count // parts) for part in range(parts + 1))
        ]
        surveyed = spark.range(0, count, 1, parts).mapInArrow(functools.partial(_read, read=read), schema)
        part = F.expr(f"int((bigint(number) * {parts}) div {count})")
        packed = decide(surveyed).repartitionById(parts, part).mapInArrow(functools.partial(_pack, row=row), _PACKED)
        return packed.rdd.mapPartitionsWithIndex(functools.partial(_tasks, names=names, row=row))

    work = functools.partial(_publish, row=row, publish=publish)
    return run_tasks(spark, tasks, work, out=out, stage=stage, progress=progress, deliver=deliver)


def _read(batches: Iterator[pa.RecordBatch], *, read: Read) -> Iterator[pa.RecordBatch]:
    for numbers in batches:
        for number in numbers.column(0).to_pylist():
            yield from read(number)


def _pack(batches: Iterator[pa.RecordBatch], *, row: np.dtype[np.void]) -> Iterator[pa.RecordBatch]:
    """Many rows to one per input and batch: what crosses to the tasks is arrays, not rows."""
    for batch in batches:
        if batch.num_rows:
            rows = np.empty(batch.num_rows, row)
            for name in row.names or ():
                rows[name] = batch.column(name).fill_null(-1).to_numpy()
            numbers = batch.column("number").to_numpy()
            found = np.unique(numbers)
            packed = [rows[numbers == number].tobytes() for number in found]
            arrays = [pa.array(found, pa.int32()), pa.array(packed, pa.binary())]
            yield pa.RecordBatch.from_arrays(arrays, ["number", "rows"])


def _tasks(
    part: int, packed: Iterator[tuple[int, bytes]], *, names: Sequence[dict[int, str]], row: np.dtype[np.void]
) -> Iterator[Task]:
    of_input: dict[int, list[bytes]] = {number: [] for number in names[part]}
    for number, data in packed:
        if number in of_input:
            of_input[number].append(data)
    first = (row.names or ("",))[0]
    for number, datas in of_input.items():
        rows = np.frombuffer(b"".join(datas), row)
        yield Task(names[part][number], (number, rows[np.argsort(rows[first])].tobytes()))


def _publish(payload: tuple[int, bytes], scratch: Scratch, *, row: np.dtype[np.void], publish: Publish) -> Receipt:
    number, data = payload
    return publish(number, np.frombuffer(data, row), scratch)
