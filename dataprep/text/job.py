"""Runs the text job from configuration to finished dataset: plan, tokenize, write shards, commit.

    inputs --(a task per file)--> token files --(a task per shard)--> MDS shards --> report, index.json, manifest.json

Both stages go through receipts (`dataprep.engine.tasks`), so the job may be killed at any moment and run again.
"""

from __future__ import annotations

import functools
from collections import Counter

from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.engine import checksums, commit
from dataprep.engine.dataset import build_manifest, load_manifest
from dataprep.engine.input_files import describe_inputs
from dataprep.engine.nothing_written import clear, nothing_written
from dataprep.engine.output_version import OUTPUT_VERSION, package_versions
from dataprep.engine.plan import Plan, begin
from dataprep.engine.progress import Progress
from dataprep.engine.tasks import Receipt, run_tasks
from dataprep.provenance import token_parts
from dataprep.storage import files, globs
from dataprep.text import file_kind, inputs, report, tokenize
from dataprep.text.config import TextJob
from dataprep.text.selection import evaluation_sets, select
from dataprep.text.shards import SplitShards, plan_shards, run_shards
from dataprep.text.token_stream import TokenStream
from dataprep.tokens.tokenizer import TokenizerSpec, load
from schemas.manifest import Manifest, ShardReceipt


def run(spark: SparkSession, job: TextJob, *, progress: Progress | None = None) -> Manifest:
    """Make the dataset `job.out`, or what is missing of it; returns its manifest.

    Raises:
        InputError: see `plan_job`; `out` belongs to a different plan; a damaged input under `unreadable: fail`; or no
            input row is a document.
    """
    lap = progress.lap if progress else lambda part: None
    out = job.out
    spec = load(job.tokenizer, end_of_text=job.end_of_text, pad=job.pad)
    if job.selects:
        select.check(spark, job)  # before inputs are hashed, which may take an hour
    plan = plan_job(spark, job, spec)
    if begin(out, plan) == "finished":
        commit.sweep(out)
        return load_manifest(out)

    lap("plan")
    uris, tasks = [one.path for one in plan.inputs], inputs.tasks(plan.inputs)
    selected = list[Receipt]()
    if job.selects:
        selected = select.run(spark, job, tasks, out, progress)
        lap("select")
    work = functools.partial(tokenize.tokenize, job=job, spec=spec)
    tokenized = run_tasks(spark, tasks, work, out=out, stage=tokenize.STAGE, progress=progress)
    lap("tokenize")

    if not any(split["tokens"] for receipt in tokenized for split in receipt["splits"].values()):
        rejected = sum((Counter(receipt["rejected"]) for receipt in tokenized), Counter[str]())
        clear(out)
        raise nothing_written("documents", out, rejected)

    committed: dict[str, Manifest] = {}
    beside = checksums.of_receipts([*selected, *tokenized])
    for split in reversed(tokenize.splits(job)):  # the dataset itself is last: its manifest commits all
        stream = TokenStream(
            tuple(files.join(out, tokenize.token_file(split, number)) for number in range(len(uris))),
            tuple(receipt["splits"][split]["tokens"] for receipt in tokenized),
            str(spec.dtype),
        )
        if not stream.total:
            raise InputError(f"no document for the split {split!r}", file=out, remedy=_why_empty(tokenized))
        shards = plan_shards(split, stream, job, spec)
        written = run_shards(spark, shards, out, progress)
        lap("shards")
        committed[split] = manifest = _manifest(plan, job, spec, shards, tokenized, written)
        index = token_parts.index(split, job.seq_len, shards.windows.key, uris, tokenized)
        beside[token_parts.index_file(split)] = commit.put(out, token_parts.index_file(split), index)
        if split == "train":
            commit.put(out, report.NAME, report.html(job, spec, committed, shards, tokenized, out))
        commit.commit(out, shards.folder, manifest, [receipt["entry"] for receipt in written], beside)
    commit.sweep(out)
    lap("commit")
    return committed["train"]


def check(job: TextJob) -> None:
    """Find in a moment, before Spark is started, what would stop the job: inputs, evaluation sets, the tokenizer.

    Raises:
        InputError: a pattern that matches nothing, or an unusable tokenizer.
    """
    inputs.expand(job)
    for one in job.decontaminate.sets if job.decontaminate else []:
        globs.expand(one.files)
    load(job.tokenizer, end_of_text=job.end_of_text, pad=job.pad)


def main(spark: SparkSession, job: TextJob, progress: Progress) -> str:
    """Run the job for a command line; returns a summary to print."""
    manifest = run(spark, job, progress=progress)
    rows, tokens = manifest.rows, manifest.tokens
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in rows.rejected.items()) or "none rejected"
    lines = [
        f"{job.out}: {manifest.samples:,} samples of {manifest.seq_len:,} in {len(manifest.shards):,} shards",
        f"{rows.written:,} of {rows.read:,} rows written ({rejected})",
        f"{tokens.text:,} tokens, {tokens.pad:,} padding",
    ]
    lines.append(f"report: {files.join(job.out, report.NAME)}")
    if progress.laps:
        lines.append("time: " + ", ".join(f"{part} {seconds:.1f} s" for part, seconds in progress.laps.items()))
    return "\n".join([*lines, *(f"warning: {warning}" for warning in manifest.warnings)])


def plan_job(spark: SparkSession, job: TextJob, spec: TokenizerSpec) -> Plan:
    """The plan of `job`: its inputs are listed and fingerprinted.

    Raises:
        InputError: a pattern that matches nothing, or a file that cannot be read.
    """
    uris = inputs.expand(job)
    searched = {"evaluation_files": evaluation_sets.describe(job.decontaminate)} if job.decontaminate else {}
    return Plan(
        kind="text",
        inputs=describe_inputs(spark, uris, sampled=job.input_digest == "sampled", look=file_kind.check),
        config=job.plan_config() | searched,
        tokenizer=spec.identity.digest,
        seed=job.seed,
        output_version=OUTPUT_VERSION["text"],
        packages=package_versions("text"),
    )


def _manifest(
    plan: Plan,
    job: TextJob,
    spec: TokenizerSpec,
    shards: SplitShards,
    tokenized: list[Receipt],
    written: list[Receipt],
) -> Manifest:
    """Builds the manifest of the dataset; rows that went to another split count as rejected under that split's name."""
    rejected: Counter[str] = Counter()
    if shards.split == "train":
        for receipt in tokenized:
            rejected.update(receipt["rejected"])
            rejected.update({name: s["documents"] for name, s in receipt["splits"].items() if name != "train"})
    documents = sum(receipt["splits"][shards.split]["documents"] for receipt in tokenized)
    read = sum(receipt["rows"] for receipt in tokenized) if shards.split == "train" else documents
    warnings = Counter(receipt["warning"] for receipt in tokenized if receipt["warning"])
    windows = shards.windows
    return build_manifest(
        plan,
        job,
        spec.identity,
        tokens={"text": windows.stream.total, "pad": windows.padding},
        read=read,
        written=documents,
        rejected=rejected,
        shards=[ShardReceipt.model_validate(receipt["shard"]) for receipt in written],
        warnings=[
            *(f"{text} ({count} of {len(tokenized)} inputs)" for text, count in sorted(warnings.items())),
            *(evaluation_sets.short(job.decontaminate) if job.decontaminate else []),
        ],
    )


def _why_empty(tokenized: list[Receipt]) -> str:
    rejected: Counter[str] = Counter()
    for receipt in tokenized:
        rejected.update(receipt["rejected"])
    reasons = ", ".join(f"{count} {reason}" for reason, count in rejected.most_common(3))
    return f"rows were rejected: {reasons}" if reasons else "the inputs hold no rows"
