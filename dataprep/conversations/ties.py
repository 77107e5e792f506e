"""Finds which pictures are shown in one row, so that `held_out` keeps them, and all rows that show one, on one side."""

from __future__ import annotations

import functools
from dataclasses import replace

from pyspark.sql import SparkSession

from dataprep.conversations.pictures import fetched
from dataprep.conversations.task import Payload, rows
from dataprep.conversations.template import conversation
from dataprep.engine.progress import Progress
from dataprep.engine.rejects import RejectError
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt, Task, run_tasks
from dataprep.image_text import held_out
from dataprep.image_text.settings import TaskSpec

STAGE = "ties"


def with_ties(spark: SparkSession, spec: TaskSpec, tasks: list[Task], out: str, progress: Progress | None) -> TaskSpec:
    """Read all rows and the pictures of those that have several; returns `spec` with `ties`."""
    look = functools.partial(groups, spec=spec)
    receipts = run_tasks(spark, tasks, look, out=out, stage=STAGE, progress=progress)
    return replace(spec, ties=held_out.tied(group for receipt in receipts for group in receipt["groups"]))


def groups(payload: Payload, scratch: Scratch, spec: TaskSpec) -> Receipt:
    """Digests of the pictures of each row that has several. The receipt has: groups."""
    _, source, span = payload
    found = []
    for name, row, inside in rows(source, span):
        try:
            if isinstance(row, RejectError):
                continue
            images = conversation(row, name).images
            if len(images) > 1:
                datas = inside or (None,) * len(images)
                found.append([_digest(image, data, spec) for image, data in zip(images, datas, strict=True)])
        except RejectError:  # packing rejects the row and says why
            continue
    return {"groups": found}


def _digest(image: str, inside: bytes | None, spec: TaskSpec) -> int:
    size, data = fetched(image, spec.job) if inside is None else (len(inside), inside)
    if size > spec.job.images.max_bytes:
        raise RejectError("image_too_large")
    return held_out.digest(data)
