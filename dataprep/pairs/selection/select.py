"""Chooses pairs before they are packed: a Spark SQL predicate, equal uids across tars, pictures that look the same.

A survey of the tars goes through Spark DataFrames, which decide what is dropped and why; each tar's share of the
decision is brought to one task and published, and the packing stage rejects those pairs. The order is: `where` first,
so that a copy which was filtered out does not count as the first; then uids; then pictures. "First" is earliest in
plan order, whatever the cluster's size. A picture is dropped if it is near any earlier one, even a dropped one.

Near pictures are found by parts of their hashes: two that differ in at most d bits agree in one of d + 1 parts, so only
pictures that share a part are compared. With d = 3 that is some 200 comparisons a picture at 12.8 million pictures; the
number grows with the data, and beyond some hundred million a list from a dedicated tool is the better way.
"""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from common.errors import InputError
from dataprep.engine import per_input
from dataprep.engine.per_input import Rows
from dataprep.engine.progress import Progress
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt, Task, run_tasks
from dataprep.image_text.settings import TaskSpec
from dataprep.images.perceptual_hash import bands, later_copies
from dataprep.pairs.config import PairsJob
from dataprep.pairs.left_out import REASONS, selection_file
from dataprep.pairs.selection import survey

STAGE = "select"
_SURVEY = (
    "number int, place long, uid string, url string, width int, height int, aspect double, bytes long, hash long, "
    "fields string"
)
_PLACE = "number int, place long"
_ROW = np.dtype([("place", np.int64), ("reason", np.int8)])
"""One decision as it crosses to the tasks."""


def check(spark: SparkSession, job: PairsJob) -> None:
    """See that the predicate can be run, before anything else is.

    Raises:
        InputError: `where` or `fields` is not Spark SQL, or names columns that do not exist.
    """
    _decide(spark.createDataFrame([], _SURVEY), job)


def run(spark: SparkSession, spec: TaskSpec, tasks: list[Task], out: str, progress: Progress | None) -> None:
    """Survey the tars and publish which pairs are left out."""
    look = functools.partial(survey.survey, spec=spec)
    surveyed = run_tasks(spark, tasks, look, out=out, stage=survey.STAGE, progress=progress)
    per_input.run(
        spark,
        tasks,
        sum(receipt["rows"] for receipt in surveyed),
        functools.partial(survey.read, out),
        _SURVEY,
        functools.partial(_decide, job=spec.job),
        _ROW,
        _publish,
        out=out,
        stage=STAGE,
        progress=progress,
    )


def _decide(surveyed: DataFrame, job: PairsJob) -> DataFrame:
    """Rows (number, place, reason) of the pairs that are left out."""
    try:
        rows, filtered = surveyed, None
        if job.where is not None:
            rows = surveyed.withColumn("__row", F.from_json("fields", job.fields))
            ours = F.struct("number", "place", "uid", "hash").alias("__pair")
            rows = rows.select(ours, "uid", "url", "width", "height", "aspect", "bytes", "__row.*")
            rows = rows.select("__pair.*", F.coalesce(F.expr(job.where), F.lit(False)).alias("kept"))
            filtered = _because("where", rows.where(~F.col("kept")))
            rows = rows.where("kept")
        twice = rows.withColumn("again", F.row_number().over(Window.partitionBy("uid").orderBy("number", "place")) > 1)
        found = _because("duplicate_uid", twice.where("again"))
        if filtered is not None:
            found = found.unionAll(filtered)
        if job.near_duplicates is not None and job.near_duplicates.distance is not None:
            hashed = twice.where("not again and hash is not null").select("number", "place", "hash")
            found = found.unionAll(_because("near_duplicate", _copies(hashed, job.near_duplicates.distance)))
        return found
    except (AnalysisException, ParseException) as error:
        problem = (error.getMessage() or str(error)).splitlines()[0]
        raise InputError(
            f"not a Spark SQL predicate over its columns: {problem}",
            field="where",
            remedy="columns are uid, url, width, height, aspect, bytes and those in `fields`",
        ) from None


def _because(reason: str, rows: DataFrame) -> DataFrame:
    return rows.select("number", "place", F.lit(REASONS.index(reason)).alias("reason"))


def _copies(hashed: DataFrame, distance: int) -> DataFrame:
    """Pictures with an earlier one within `distance` bits. Equal hashes first: what is left has each hash once."""
    first = Window.partitionBy("hash").orderBy("number", "place")
    ranked = hashed.withColumn("again", F.row_number().over(first) > 1)
    equal = ranked.where("again").select("number", "place")
    if distance == 0:
        return equal
    single = ranked.where("not again").select("number", "place", "hash")
    parts = [
        F.struct(F.lit(n).alias("band"), _part(shift, bits).alias("value"))
        for n, (shift, bits) in enumerate(bands(distance))
    ]
    split = single.select("number", "place", "hash", F.explode(F.array(*parts)).alias("part"))

    def compare(table: pa.Table) -> pa.Table:  # not a partial: Spark reads the function's own annotations
        return _compare(table, distance)

    near = split.select("number", "place", "hash", "part.*").groupBy("band", "value").applyInArrow(compare, _PLACE)
    return equal.unionAll(near).distinct()


def _part(shift: int, bits: int) -> Column:
    return F.shiftrightunsigned("hash", shift).bitwiseAND((1 << bits) - 1)


def _compare(table: pa.Table, distance: int) -> pa.Table:
    table = table.select(["number", "place", "hash"]).sort_by([("number", "ascending"), ("place", "ascending")])
    copies = later_copies(table["hash"].to_numpy(), distance)
    return table.select(["number", "place"]).filter(pa.array(copies))


def _publish(number: int, rows: Rows, scratch: Scratch) -> Receipt:
    places, reasons = rows["place"].tobytes(), rows["reason"].astype(np.uint8).tobytes()
    scratch.publish_bytes(places + reasons, selection_file(number))
    return {"rows": len(rows)}
