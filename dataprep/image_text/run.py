"""Runs the pairs and conversations jobs through their common steps: plan, tasks, manifest.

Both turn rows with images into packed windows, task by task; they differ in how a task reads its rows. What is common
stands here: claiming the output under a plan, running what has no receipt, adding receipts up into a manifest
whose sums are checked, and publishing index and manifest last.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import SparkSession

from dataprep.engine import checksums, commit, plan
from dataprep.engine.dataset import build_manifest, load_manifest
from dataprep.engine.nothing_written import clear, nothing_held_out, nothing_written
from dataprep.engine.output_version import OUTPUT_VERSION, package_versions
from dataprep.engine.paths import HELD_OUT
from dataprep.engine.progress import Progress
from dataprep.engine.tasks import Receipt, Task, Work, run_tasks
from dataprep.image_text import padding_advice
from dataprep.image_text.settings import MultimodalJob, TaskSpec
from dataprep.storage import files
from schemas.manifest import InputFile, Manifest, ShardReceipt

_MANY = 100
"""Windows below which a share of padding says little: the last one of each task is half empty."""


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
    prepare: Callable[[str], Work],
    progress: Progress | None = None,
    look_over: Callable[[str], list[str]] | None = None,
) -> Outcome:
    """Claim `job.out`, run the tasks without receipts, publish index and manifest.

    Args:
        prepare: given the dataset's root, does what the tasks build upon, and returns their work.
        look_over: given the dataset's root when the tasks have ended, returns warnings for the manifest.

    Raises:
        InputError: `out` belongs to another plan; no row was written, or none held out; or raised by a task.
    """
    out = job.out
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
        manifest = load_manifest(out)
        if not manifest.samples:
            raise nothing_written("rows", out, manifest.rows.rejected)
        return Outcome(manifest, state)
    receipts = run_tasks(spark, tasks, prepare(out), out=out, stage=kind, progress=progress)
    held = [receipt[HELD_OUT] for receipt in receipts if HELD_OUT in receipt]
    if not any(receipt["samples"] for receipt in receipts):
        clear(out)
        raise nothing_written("rows", out, sum((Counter(one["rejected"]) for one in receipts), Counter[str]()))
    if job.held_out and not any(receipt["samples"] for receipt in held):
        clear(out)
        raise nothing_held_out(sum(receipt["written"] for receipt in receipts), job.held_out, out)
    warnings, digests = look_over(out) if look_over is not None else [], checksums.of_receipts(receipts)
    if held:
        _commit(HELD_OUT, out, _manifest(job, spec, identity, held, []), held, digests)
    manifest = _manifest(job, spec, identity, receipts, warnings)
    _commit("", out, manifest, receipts, digests)  # last: its manifest commits all
    commit.sweep(out)
    return Outcome(manifest, state)


def _commit(folder: str, out: str, manifest: Manifest, receipts: Sequence[Receipt], digests: Mapping[str, str]) -> None:
    """Publish the dataset in `folder` below `out`, its report first."""
    from dataprep.image_text import report  # on the driver alone: executors import this module, and have no matplotlib

    commit.put(out, posixpath.join(folder, report.NAME), report.report(manifest, receipts).encode())
    entries = [shard["entry"] for receipt in receipts for shard in receipt["shards"]]
    commit.commit(out, folder, manifest, entries, digests)


def _manifest(
    job: MultimodalJob, spec: TaskSpec, identity: plan.Plan, receipts: Sequence[Receipt], warned: Sequence[str]
) -> Manifest:
    """Add the receipts up."""
    counts, rejected = Counter[str](), Counter[str]()
    for receipt in receipts:
        counts.update(receipt["counts"])
        rejected.update(receipt["rejected"])
    warnings = {*warned, *(warning for receipt in receipts for warning in receipt["warnings"])}
    samples = sum(receipt["samples"] for receipt in receipts)
    if samples >= _MANY and (share := counts["pad"] / (samples * job.seq_len)) > padding_advice.ENOUGH:
        warnings.add(
            f"{share:.1%} of positions are padding; `python -m dataprep plan` says which geometry divides better"
        )
    return build_manifest(
        identity,
        job,
        spec.tokenizer.identity,
        tokens={name: counts[name] for name in ("text", "visual", "caption", "pad")},
        read=sum(receipt["rows"] for receipt in receipts),
        written=sum(receipt["written"] for receipt in receipts),
        rejected=rejected,
        shards=[
            ShardReceipt(name=s["name"], samples=s["entry"]["samples"], bytes=s["bytes"], digest=s["digest"])
            for receipt in receipts
            for s in receipt["shards"]
        ],
        warnings=sorted(warnings),
        images=sum(receipt["images"] for receipt in receipts),
        geometry=job.geometry.resolved(),
        conversation=spec.conversation,
    )


def summary(outcome: Outcome, out: str) -> str:
    """A finished run in three or four lines."""
    manifest, tokens = outcome.manifest, outcome.manifest.tokens
    rejected = ", ".join(f"{reason} {count:,}" for reason, count in manifest.rows.rejected.items()) or "none"
    already = "already finished; " if outcome.resumed == "finished" else ""
    held = manifest.rows.rejected.get(HELD_OUT, 0)
    return (
        f"{already}{out}: {manifest.samples:,} windows, {manifest.images:,} images in {len(manifest.shards):,} shards\n"
        f"ids: text {tokens.text:,}, visual {tokens.visual:,}, caption {tokens.caption:,}, "
        f"padding {tokens.pad:,} ({tokens.pad / max(1, tokens.total):.2%})\n"
        f"rows: {manifest.rows.read:,} read, {manifest.rows.written:,} written, rejected: {rejected}; unaccounted: 0"
        + (f"\nheld out: {held:,} rows in {files.join(out, HELD_OUT)}" if held else "")
        + "".join(f"\nwarning: {warning}" for warning in manifest.warnings)
    )
