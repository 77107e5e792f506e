"""Drives the pairs job: one task per tar, then the manifest."""

from __future__ import annotations

import functools
from dataclasses import replace

from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.engine.input_files import describe_inputs
from dataprep.engine.progress import Progress
from dataprep.engine.tasks import Task, Work
from dataprep.image_text import padding_advice, settings
from dataprep.image_text.banned import Ban
from dataprep.image_text.run import Outcome, run_job, summary
from dataprep.pairs import repeated_uids
from dataprep.pairs.config import PairsJob
from dataprep.pairs.selection import select
from dataprep.pairs.task import work
from dataprep.storage import globs, text_list


def run(spark: SparkSession, job: PairsJob, progress: Progress | None = None) -> Outcome:
    """Make the dataset `job.out`, or finish what an earlier run of the same plan began.

    Raises:
        InputError: an input is missing or damaged, the tokenizer does not fit, or `out` belongs to another plan.
    """
    if job.selects:
        select.check(spark, job)
    paths, lists = globs.expand(job.inputs), {reason: globs.expand(listed) for reason, listed in job.lists.items()}
    sampled = job.input_digest == "sampled"
    inputs = describe_inputs(spark, paths, sampled=sampled)
    found = {reason: describe_inputs(spark, listed, look=text_list.check) for reason, listed in lists.items()}
    spec = replace(task_spec(job), ban=Ban.of(found, job.banned.hosts))
    tasks = [Task(f"{number:05}", (number, one.path), one.bytes) for number, one in enumerate(inputs)]

    def prepare(out: str) -> Work:
        if job.selects:
            select.run(spark, spec, tasks, out, progress)
        return functools.partial(work, spec=spec)

    all_inputs = [*inputs, *(one for listed in found.values() for one in listed)]
    look_over = None if job.selects else functools.partial(_repeats, spark, len(tasks))
    return run_job(spark, job, "pairs", all_inputs, spec, tasks, prepare, progress, look_over)


def task_spec(job: PairsJob) -> settings.TaskSpec:
    """Makes the tasks' settings. Raises InputError for an unusable tokenizer, or a window that no pair would fit."""
    spec = settings.task_spec(job, masked=False)
    if (least := spec.image_tokens + 2) > job.seq_len:
        raise InputError(
            f"{job.seq_len:,} ids are no room for a pair: its image takes {spec.image_tokens:,}",
            field="seq_len",
            remedy=f"use at least {least:,}, or choose a `geometry` of fewer tokens",
        )
    return spec


def _repeats(spark: SparkSession, parts: int, out: str) -> list[str]:
    found = repeated_uids.repeated(spark, out, parts)
    return [f"{found:,} uids occur in more than one tar; `deduplicate: true` keeps the first"] if found else []


def describe(job: PairsJob) -> str:
    """Estimates what a run would do. Raises InputError for missing inputs or lists, or an unusable tokenizer."""
    paths = globs.expand(job.inputs)
    for listed in job.lists.values():
        globs.expand(listed)
    spec = task_spec(job)
    warning = padding_advice.advice(spec.image_tokens, job.seq_len)
    return (
        f"pairs: {len(paths):,} inputs -> {job.out}\n"
        f"windows of {job.seq_len:,} ids; an image takes {spec.image_tokens}; captions: {job.captions.use}\n"
        f"tokenizer {spec.tokenizer.identity.digest[:12]}, image id {spec.tokenizer.identity.image_id}"
        + settings.held_out_line(job)
        + (f"\nwarning: {warning}" if warning else "")
    )


def main(spark: SparkSession, job: PairsJob, progress: Progress) -> str:
    """Runs the job and prints a summary."""
    return summary(run(spark, job, progress), job.out)
