"""Drives the conversations job: cuts the files into ranges of rows, runs one task for each, writes the manifest."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.conversations import ties
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.end_of_turn import task_spec
from dataprep.conversations.json_array import Span, spans
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
    job = job.model_copy(update={"image_root": globs.pinned(job.image_root)})
    paths = _inputs(job)
    inputs = describe_inputs(spark, paths, sampled=job.input_digest == "sampled")
    banned = describe_inputs(spark, globs.expand(job.banned.uids), look=text_list.check)
    spec = replace(task_spec(job), ban=Ban.of({"banned_uid": banned}, []))
    tasks = [Task(f"{number:05}", (number, *span)) for number, span in enumerate(_spans(paths, job.rows_per_task))]

    def prepare(out: str) -> Work:
        with_ties = ties.with_ties(spark, spec, tasks, out, progress) if job.held_out else spec
        return functools.partial(work, spec=with_ties)

    return run_job(spark, job, "conversations", [*inputs, *banned], spec, tasks, prepare, progress)


def _inputs(job: ConversationsJob) -> list[str]:
    """The input files. Raises InputError where one is missing, or the folder of the pictures is."""
    if not files.exists(job.image_root):
        remedy = "give the folder that the rows' `image` paths begin in"
        raise InputError("no such folder", file=job.image_root, field="image_root", remedy=remedy)
    return globs.expand(job.inputs)


def _spans(paths: list[str], rows: int) -> Iterator[tuple[str, Span]]:
    for path in paths:
        with files.open_input(path) as stream:
            for span in spans(stream, path, rows):
                yield path, span


def describe(job: ConversationsJob) -> str:
    """Estimates what a run would do. Raises InputError for missing or damaged inputs, or an unusable tokenizer."""
    paths = _inputs(job)
    spec = task_spec(job)
    tasks = sum(1 for _ in _spans(paths, job.rows_per_task))
    return (
        f"conversations: {len(paths):,} files in {tasks:,} tasks -> {job.out}\n"
        f"windows of {job.seq_len:,} ids; an image takes {spec.image_tokens}; images below {job.image_root}\n"
        f"tokenizer {spec.tokenizer.identity.digest[:12]}, image id {spec.tokenizer.identity.image_id}\n"
        f"conversations in {spec.conversation}" + settings.held_out_line(job)
    )


def main(spark: SparkSession, job: ConversationsJob, progress: Progress) -> str:
    """Runs the job and prints a summary."""
    return summary(run(spark, job, progress), job.out)
