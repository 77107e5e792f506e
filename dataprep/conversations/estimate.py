"""Estimates the output and cost of a conversations job from a few runs of its rows and their images, without Spark."""

from __future__ import annotations

import time

from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.end_of_turn import task_spec
from dataprep.conversations.inputs import Source
from dataprep.conversations.task import conversation_items, judge_rows
from dataprep.engine.rejects import Rejects
from dataprep.image_text.forecast import Sample, lines
from dataprep.image_text.settings import held_out_line
from dataprep.storage import globs

RUNS = 10
RUN_ROWS = 100


def describe(job: ConversationsJob) -> str:
    """The estimate in a few lines.

    Raises:
        InputError: a missing or damaged input, or an unusable tokenizer.
    """
    paths = globs.expand(job.inputs)
    spec = task_spec(job)
    cut = [(source, span) for source in map(Source.of, paths) for span in source.spans(RUN_ROWS)]
    sample, seen = Sample(), 0
    for source, span in cut[:: -(-len(cut) // RUNS) or 1]:
        began, refused = time.process_time(), Rejects()
        items, _ = conversation_items(judge_rows(source, span, spec, refused), spec, source.path, refused)
        sample.seconds += time.process_time() - began
        sample.rows += len(items) + refused.counts.total()
        sample.rejected.update(refused.counts)
        sample.lengths += [len(item.ids) for item in items]
        pictures = [image for item in items for image in item.images]
        sample.images += len(pictures)
        sample.image_bytes += sum(image.size for image in pictures)
        seen += span.length
    scale = sum(span.length for _, span in cut) / seen if seen else 0.0
    text = [f"conversations: {len(paths):,} files; {job.images_from}", *lines(sample, scale, job, spec)]
    return "\n".join(text) + held_out_line(job)
