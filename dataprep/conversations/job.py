"""Drives the conversations job: cuts the files into ranges of rows, runs one task for each, writes the manifest."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.conversations import ties
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.end_of_turn import task_spec
from dataprep.conversations.inputs import Source
from dataprep.conversations.json_array import Span
from dataprep.conversations.task import work
from dataprep.engine.input_files import describe_inputs
from dataprep.engine.progress import Progress
from dataprep.engine.tasks import Task, Work
from dataprep.image_text import settings
from dataprep.image_text.banned import Ban
from dataprep.image_text.run import Outcome, run_job, summary
from dataprep.storage import files, globs, text_list


def run(spark: SparkSession, job: ConversationsJob, progress: Progress | None = None) -> Outcome:
    """Make the dataset `job.out`, or finish what an earlier run of the same plan began.

    Images are not part of the plan (there are hundreds of thousands); a changed image under an unchanged path goes
    unnoticed until its row is read again.

    Raises:
        InputError: an input is missing or damaged, the tokenizer does not fit, or `out` belongs to another plan.
    """
    if job.image_root is not None:
        job = job.model_copy(update={"image_root": globs.pinned(job.image_root)})
    sources = _inputs(job)
    inputs = describe_inputs(spark, [one.path for one in sources], sampled=job.input_digest == "sampled")
    banned = describe_inputs(spark, globs.expand(job.banned.uids), look=text_list.check)
    spec = replace(task_spec(job), ban=Ban.of({"banned_uid": banned}, []))
    tasks = [Task(f"{number:05}", (number, *span)) for number, span in enumerate(_spans(sources, job.rows_per_task))]

    def prepare(out: str) -> Work:
        with_ties = ties.with_ties(spark, spec, tasks, out, progress) if job.held_out else spec
        return functools.partial(work, spec=with_ties)

    return run_job(spark, job, "conversations", [*inputs, *banned], spec, tasks, prepare, progress)


def _inputs(job: ConversationsJob) -> list[Source]:
    """The input files. Raises InputError where one is missing or not read, or the folder of the pictures is missing."""
    root = job.image_root
    if root is not None and not root.startswith(files.WEB) and not files.exists(root):  # the web has no folders
        remedy = "give the folder that the rows' `image` paths begin in"
        raise InputError("no such folder", file=root, field="image_root", remedy=remedy)
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(Source.of, globs.expand(job.inputs)))


def _spans(sources: list[Source], rows: int) -> Iterator[tuple[Source, Span]]:
    for source in sources:
        for span in source.spans(rows):
            yield source, span


def describe(job: ConversationsJob) -> str:
    """Estimates what a run would do. Raises InputError for missing or damaged inputs, or an unusable tokenizer."""
    sources = _inputs(job)
    spec = task_spec(job)
    tasks = sum(1 for _ in _spans(sources, job.rows_per_task))
    return (
        f"conversations: {len(sources):,} files in {tasks:,} tasks -> {job.out}\n"
        f"windows of {job.seq_len:,} ids; an image takes {spec.image_tokens}; {job.images_from}\n"
        f"tokenizer {spec.tokenizer.identity.digest[:12]}, image id {spec.tokenizer.identity.image_id}\n"
        f"conversations in {spec.conversation}" + settings.held_out_line(job)
    )


def main(spark: SparkSession, job: ConversationsJob, progress: Progress) -> str:
    """Runs the job and prints a summary."""
    return summary(run(spark, job, progress), job.out)
