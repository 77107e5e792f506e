"""Estimates the output and cost of a pairs job from the first rows of a few of its inputs, without Spark."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

from dataprep.engine.rejects import RejectError, Rejects
from dataprep.image_text import settings
from dataprep.image_text.banned import Ban
from dataprep.image_text.forecast import Sample, lines
from dataprep.pairs import inputs
from dataprep.pairs.config import PairsJob
from dataprep.pairs.task import judge, pair_items
from dataprep.storage import files, fingerprint, globs
from schemas.manifest import InputFile

TARS = 8
ROWS = 4000
"""Rows that are looked at, over all sampled inputs."""


def describe(job: PairsJob) -> str:
    """The estimate in a few lines.

    Raises:
        InputError: a missing or damaged input, or an unusable tokenizer.
    """
    paths = globs.expand(job.inputs)
    sizes = [files.size(path) for path in paths]
    lists = {reason: [_input(path) for path in globs.expand(listed)] for reason, listed in job.lists.items()}
    spec = replace(settings.task_spec(job, masked=False), ban=Ban.of(lists, job.banned.hosts))
    chosen = paths[:: -(-len(paths) // TARS)]
    sample, looked_at = Sample(), 0
    for path in chosen:
        looked_at += _look(path, ROWS // len(chosen), spec, sample)
    text = [f"pairs: {len(paths):,} inputs, {sum(sizes):,} bytes; captions: {job.captions.use}"]
    text += lines(sample, sum(sizes) / looked_at if looked_at else 0.0, job, spec)
    if job.selects:
        text.append("not in it: what `where`, `deduplicate` and `near_duplicates` leave out, and their first pass")
    return "\n".join(text) + settings.held_out_line(job)


def _input(path: str) -> InputFile:
    return InputFile(path=path, bytes=files.size(path), digest=fingerprint.digest(path))


def _look(path: str, rows: int, spec: settings.TaskSpec, sample: Sample) -> int:
    """Add the first `rows` rows of a tar to `sample`; bytes of the tar that they take."""
    began, refused, chosen, end = time.process_time(), Rejects(), [], 0
    with inputs.opened(path, refused) as (tar, found):
        for row in itertools.islice(found, rows):
            end = max(end, row.image.offset + row.image.size)
            try:
                chosen.append((row, judge(row, tar, spec)[0]))
            except RejectError as rejected:
                refused.add(row.uid, rejected.reason, rejected.detail)
        whole = next(found, None) is None
    items, _ = pair_items(chosen, spec, path, refused)
    sample.seconds += time.process_time() - began
    sample.rows += len(items) + refused.counts.total()
    sample.rejected.update(refused.counts)
    sample.lengths += [len(item.ids) for item in items]
    sample.images += len(items)
    sample.image_bytes += sum(image.size for item in items for image in item.images)
    return files.size(path) if whole else end
