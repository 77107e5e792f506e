"""The pairs job, driver side: one task per tar, then the manifest."""

from __future__ import annotations

import functools

from pyspark.sql import SparkSession

from dataprep import files, multimodal
from dataprep.multimodal import Outcome
from dataprep.pairs.config import PairsJob
from dataprep.pairs.task import work
from dataprep.plan import describe_inputs
from dataprep.progress import Progress
from dataprep.tasks import Task


def run(spark: SparkSession, job: PairsJob, progress: Progress | None = None) -> Outcome:
    """Make the dataset `job.out`, or finish what an earlier run of the same plan began.

    Raises:
        InputError: an input is missing or damaged, the tokenizer does not fit, or `out` belongs to another plan.
    """
    paths = files.expand(job.inputs)
    spec = multimodal.task_spec(job, masked=False)
    inputs = describe_inputs(spark, paths, sampled=job.input_digest == "sampled")
    tasks = [Task(f"{number:05}", (number, path)) for number, path in enumerate(paths)]
    return multimodal.run(spark, job, "pairs", inputs, spec, tasks, functools.partial(work, spec=spec), progress)


def describe(job: PairsJob) -> str:
    """What a run would do. Raises InputError for missing inputs or an unusable tokenizer."""
    paths = files.expand(job.inputs)
    spec = multimodal.task_spec(job, masked=False)
    return (
        f"pairs: {len(paths):,} tars -> {job.out}\n"
        f"windows of {job.seq_len:,} ids; an image takes {spec.image_tokens}; captions: {job.captions.use}\n"
        f"tokenizer {spec.tokenizer.identity.digest[:12]}, image id {spec.tokenizer.identity.image_id}"
    )


def main(spark: SparkSession, job: PairsJob, progress: Progress) -> str:
    """Run and summarise."""
    return multimodal.summary(run(spark, job, progress), job.out)
