"""Decides which documents are left out, and for which other: a pure function of the survey, in Spark DataFrames.

Order of the rules: `where`, evaluation sets, equal texts, near-duplicates. A document that an earlier rule leaves out
is never a reason to remove its duplicates. Among alike documents
the first in the order of the plan stays, whatever the cluster's size.

A near-duplicate is a document that shares a band with an earlier one. That one may be a near-duplicate itself, of an
earlier one still: the document that is named as kept is found by following these to the end, by doubling, so that a
chain of a million takes twenty rounds.
"""

from __future__ import annotations

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from common.errors import InputError
from dataprep.text.config import TextJob

WHERE, CONTAMINATED, DUPLICATE, NEAR_DUPLICATE = range(4)
SURVEY = "id long, characters long, digest binary, fields string, bands array<long>, item int"
"""What is known of each document. `id` orders documents as the plan does; `item` is an evaluation item it holds."""
_OURS = ("id", "digest", "bands", "item")


def decide(surveyed: DataFrame, job: TextJob) -> DataFrame:
    """Rows (id, reason, kept, item) of the documents that are left out.

    Args:
        surveyed: columns as in `SURVEY`.

    Returns:
        `reason` is one of the four codes, `kept` the id of the document that stays in place of a duplicate.

    Raises:
        InputError: `where` is not a predicate over `fields`.
    """
    documents = _by_predicate(surveyed, job).withColumn("kept", F.lit(None).cast("long"))
    if job.decontaminate:
        found = F.col("reason").isNull() & F.col("item").isNotNull()
        documents = documents.withColumn("reason", F.when(found, CONTAMINATED).otherwise(F.col("reason")))
    if job.deduplicate:
        documents = _first_of_equal(documents)
    if job.near_duplicates:
        documents = _first_of_alike(documents)
    left_out = documents.where("reason is not null").select("id", "reason", "kept", "item")
    return _with_those_kept(left_out) if job.near_duplicates else left_out


def _by_predicate(surveyed: DataFrame, job: TextJob) -> DataFrame:
    if job.where is None:
        return surveyed.select(*_OURS, F.lit(None).cast("int").alias("reason"))
    try:
        surveyed = surveyed.select("*", F.from_json("fields", job.fields).alias("row"))
        # The predicate sees the row's fields by their own names; ours cannot collide with them.
        surveyed = surveyed.select(F.struct(*_OURS).alias("__document"), "characters", "row.*")
        kept = F.when(F.expr(job.where), True).otherwise(False)
        return surveyed.select("__document.*", F.when(~kept, WHERE).alias("reason"))
    except (AnalysisException, ParseException) as error:
        problem = (error.getMessage() or str(error)).splitlines()[0]
        raise InputError(
            f"not a Spark SQL predicate over `fields`: {problem}", field="where", remedy="see the columns in `fields`"
        ) from None


def _first_of_equal(documents: DataFrame) -> DataFrame:
    """Those already left out are partitioned apart: they are nobody's first."""
    copies = Window.partitionBy("digest", "reason").orderBy("id")
    documents = documents.withColumn("first", F.first("id").over(copies))
    again = F.col("reason").isNull() & (F.col("first") < F.col("id"))
    return documents.select(
        *_OURS,
        F.when(again, DUPLICATE).otherwise(F.col("reason")).alias("reason"),
        F.when(again, F.col("first")).alias("kept"),
    )


def _first_of_alike(documents: DataFrame) -> DataFrame:
    bands = documents.where("reason is null").select("id", F.posexplode("bands").alias("band", "key"))
    bucket = Window.partitionBy("band", "key").orderBy("id")
    met = bands.select("id", F.first("id").over(bucket).alias("mate")).where("mate < id")
    mates = met.groupBy("id").agg(F.min("mate").alias("mate"))
    documents = documents.drop("bands").join(mates, "id", "left")
    alike = F.col("mate").isNotNull()
    return documents.select(
        "id",
        "item",
        F.when(alike, NEAR_DUPLICATE).otherwise(F.col("reason")).alias("reason"),
        F.coalesce("mate", "kept").alias("kept"),
    )


def _with_those_kept(left_out: DataFrame) -> DataFrame:
    """`kept` names a document that stays: as long as it names one that is left out, take that one's `kept`."""
    current = left_out.persist()
    while True:
        above = current.where("kept is not null").select(F.col("id").alias("kept"), F.col("kept").alias("above"))
        doubled = current.join(above, "kept", "left").persist()
        if doubled.where("above is not null").isEmpty():
            doubled.unpersist()
            return current
        current = doubled.select("id", "reason", F.coalesce("above", "kept").alias("kept"), "item")
