"""Finds which pictures are shown in one row, so that `held_out` keeps them, and all rows that show one, on one side."""

from __future__ import annotations

import functools
from dataclasses import replace

from pyspark.sql import SparkSession

from dataprep.conversations.task import Payload, parsed, raw_rows
from dataprep.conversations.template import conversation, image_path
from dataprep.engine.progress import Progress
from dataprep.engine.rejects import RejectError
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt, Task, run_tasks
from dataprep.image_text import held_out
from dataprep.image_text.settings import TaskSpec
from dataprep.storage import files

STAGE = "ties"


def with_ties(spark: SparkSession, spec: TaskSpec, tasks: list[Task], out: str, progress: Progress | None) -> TaskSpec:
    """Read all rows and the pictures of those that have several; returns `spec` with `ties`."""
    look = functools.partial(groups, spec=spec)
    receipts = run_tasks(spark, tasks, look, out=out, stage=STAGE, progress=progress)
    return replace(spec, ties=held_out.tied(group for receipt in receipts for group in receipt["groups"]))


def groups(payload: Payload, scratch: Scratch, spec: TaskSpec) -> Receipt:
    """Digests of the pictures of each row that has several. The receipt has: groups."""
    _, path, span = payload
    found = []
    for name, data in raw_rows(path, span):
        try:
            images = conversation(parsed(data), name).images
            if len(images) > 1:
                found.append([_digest(image, spec) for image in images])
        except RejectError:  # packing rejects the row and says why
            continue
    return {"groups": found}


def _digest(image: str, spec: TaskSpec) -> int:
    most = spec.job.images.max_bytes
    found = files.read_whole(files.join(spec.job.image_root, image_path(image)), most)
    if found is None or found[0] > most:
        raise RejectError("missing_image or image_too_large")
    return held_out.digest(found[1])
