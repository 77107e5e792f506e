"""The frame of the pairs and conversations jobs: plan, tasks, manifest.

Both turn rows with images into packed windows, task by task; they differ in how a task reads its rows. What is common
stands here: claiming the output under a plan, running what has no receipt, adding receipts up into a manifest
whose sums are checked, and publishing index and manifest last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import SparkSession

from dataprep.engine import commit, plan
from dataprep.engine.dataset import load_manifest
from dataprep.engine.output_version import OUTPUT_VERSION, package_versions
from dataprep.engine.progress import Progress
from dataprep.engine.tasks import Task, Work, run_tasks
from dataprep.image_text.run_manifest import build_manifest
from dataprep.image_text.settings import MultimodalJob, TaskSpec
from dataprep.storage import files
from schemas.manifest import InputFile, Manifest


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    manifest: Manifest
    resumed: Literal["new", "resumed", "finished"]


def run_job(
    spark: SparkSession,
    job: MultimodalJob,
    kind: Literal["pairs", "conversations"],
    inputs: Sequence[InputFile],
    spec: TaskSpec,
    tasks: Sequence[Task],
    work: Work,
    progress: Progress | None = None,
    prepare: Callable[[str], None] | None = None,
    look_over: Callable[[str], list[str]] | None = None,
) -> Outcome:
    """Claim `job.out`, run the tasks without receipts, publish index and manifest.

    Args:
        prepare: given the dataset's root, does what the tasks build upon.
        look_over: given the dataset's root when the tasks have ended, returns warnings for the manifest.

    Raises:
        InputError: `out` belongs to another plan; or raised by a task.
    """
    out = files.absolute(job.out)
    identity = plan.Plan(
        kind=kind,
        inputs=list(inputs),
        config=job.plan_config(),
        tokenizer=spec.tokenizer.identity.digest,
        seed=job.seed,
        output_version=OUTPUT_VERSION[kind],
        packages=package_versions(kind),
    )
    state = plan.begin(out, identity)
    if state == "finished":
        commit.sweep(out)
        return Outcome(load_manifest(out), state)
    if prepare is not None:
        prepare(out)
    receipts = run_tasks(spark, tasks, work, out=out, stage=kind, progress=progress)
    warnings = look_over(out) if look_over is not None else []
    manifest = build_manifest(job, kind, inputs, spec, identity, receipts, warnings)
    from dataprep.image_text import report  # on the driver alone: executors import this module, and have no matplotlib

    commit.put(out, report.NAME, report.report(manifest, receipts).encode())
    commit.finish(out, manifest, [shard["entry"] for receipt in receipts for shard in receipt["shards"]])
    return Outcome(manifest, state)


def summary(outcome: Outcome, out: str) -> str:
    """A finished run in three lines."""
    manifest, tokens = outcome.manifest, outcome.manifest.tokens
    rejected = ", ".join(f"{reason} {count:,}" for reason, count in manifest.rows.rejected.items()) or "none"
    already = "already finished; " if outcome.resumed == "finished" else ""
    return (
        f"{already}{out}: {manifest.samples:,} windows, {manifest.images:,} images in {len(manifest.shards):,} shards\n"
        f"ids: text {tokens.text:,}, visual {tokens.visual:,}, caption {tokens.caption:,}, "
        f"padding {tokens.pad:,} ({tokens.pad / max(1, tokens.total):.2%})\n"
        f"rows: {manifest.rows.read:,} read, {manifest.rows.written:,} written, rejected: {rejected}; unaccounted: 0"
        + "".join(f"\nwarning: {warning}" for warning in manifest.warnings)
    )
