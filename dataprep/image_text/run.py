"""The frame of the pairs and conversations jobs: plan, tasks, manifest.

Both turn rows with images into packed windows, task by task; they differ in how a task reads its rows. What is common
stands here: claiming the output under a plan, running what has no receipt, adding receipts up into a manifest
whose sums are checked, and publishing index and manifest last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue
from pyspark.sql import SparkSession

from dataprep.engine import commit, plan
from dataprep.engine.output_version import OUTPUT_VERSION, package_versions
from dataprep.engine.progress import Progress
from dataprep.engine.tasks import Receipt, Task, Work, run_tasks
from dataprep.image_text import padding_advice as geometry
from dataprep.image_text.banned import Ban
from dataprep.image_text.packing import DEFAULT_BUFFER
from dataprep.image_text.write_windows import WindowSpec
from dataprep.images.inspect import ImageLimits
from dataprep.storage import files
from dataprep.tokens import tokenizer as tokenizers
from dataprep.tokens.tokenizer import TokenizerSpec
from dataprep.verify import load_manifest
from schemas.manifest import ImageGeometry, InputFile, Manifest, Rows, ShardReceipt, TokenCounts
from schemas.strict_model import Strict

_CHECKED = 64
"""Texts of a task on which gigatoken is compared with tokenizers, about."""
_MANY = 100
"""Windows below which a share of padding says little: the last one of each task is half empty."""


class Geometry(Strict):
    """How the image encoder cuts a picture into tokens."""

    size: int = Field(gt=0)
    """Side of the square that the encoder sees, in pixels."""
    patch: int = Field(gt=0)
    """Side of a patch, in pixels."""
    tokens: int | None = Field(default=None, gt=0)
    """Placeholders for an image; by default (size // patch)^2, as for SigLIP (384/14: 729, 224/16: 196)."""

    def resolved(self) -> ImageGeometry:
        """With `tokens` filled in."""
        return ImageGeometry(
            size=self.size, patch=self.patch, tokens=self.tokens or max(1, self.size // self.patch) ** 2
        )


class MultimodalJob(Strict):
    """Settings that pairs and conversations share."""

    out: str
    """Directory of the dataset: a path, s3://, gs:// or hdfs://."""
    tokenizer: str
    """`tokenizer.json`, or a directory that holds it."""
    end_of_text: str = tokenizers.END_OF_TEXT
    """Special token that ends a pair or conversation."""
    pad: str = tokenizers.PAD
    """Special token that fills windows up."""
    seq_len: int = Field(default=2048, ge=1, le=1 << 20)
    """Ids in a window."""
    seed: int = Field(default=0, ge=-(1 << 63), lt=1 << 63)
    geometry: Geometry
    images: ImageLimits = ImageLimits()
    decode: bool = True
    """Decode every image once, to know that it can be. Without it only header and completeness are checked, at
    four times the speed: for images that a job of ours has downloaded and a first run has judged."""
    buffer: int = Field(default=DEFAULT_BUFFER, gt=0, le=1 << 16)
    """Items held back by the packer to choose from; more of them pad less, up to about a thousand."""
    shard_bytes: int = Field(default=1 << 26, ge=1 << 10, lt=1 << 32)
    """Raw bytes at which a new shard starts."""
    compression: str | None = Field(default=None, pattern=r"^zstd(:([1-9]|1[0-9]|2[0-2]))?$")
    """`zstd` or `zstd:LEVEL`. Encoded images hardly shrink, so the default is none."""
    input_digest: Literal["full", "sampled"] = "full"
    """Whether the plan hashes inputs whole, or their size and sixteen blocks (for terabytes)."""
    licences: list[str] = []
    """Licences of the inputs, for the manifest."""

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide the output's bytes."""
        no_effect = {"out", "tokenizer", "seed", "inputs", "input_digest"}
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=no_effect)
        return dumped


@dataclass(frozen=True)
class TaskSpec:
    """What every task of a run needs, shipped with the function."""

    job: Any
    """The job's own settings."""
    tokenizer: TokenizerSpec
    windows: WindowSpec
    image_tokens: int
    """Placeholders for an image."""
    ban: Ban = field(default_factory=Ban)
    """Rows that must not get in."""


def encode_all(spec: TaskSpec, texts: Sequence[str]) -> tuple[list[npt.NDArray[Any]], list[str]]:
    """Ids of every text, of the dataset's token type, and warnings for the manifest.

    Encodes with gigatoken where it agrees with tokenizers on a sample of `texts`.
    """
    if not texts:
        return [], []
    encode, problem = tokenizers.encoder(spec.tokenizer).choose(texts[:: max(1, len(texts) // _CHECKED)])
    flat, lengths = encode(texts)
    return np.split(flat.astype(spec.windows.dtype), np.cumsum(lengths)[:-1]), [problem] if problem else []


def task_spec(job: MultimodalJob, *, masked: bool) -> TaskSpec:
    """Load the tokenizer and fix the windows' layout. Raises InputError for an unusable tokenizer."""
    spec = tokenizers.load(job.tokenizer, end_of_text=job.end_of_text, pad=job.pad)
    windows = WindowSpec(job.seq_len, spec.identity, spec.dtype, masked, job.shard_bytes, job.buffer, job.compression)
    return TaskSpec(job, spec, windows, job.geometry.resolved().tokens)


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    manifest: Manifest
    resumed: Literal["new", "resumed", "finished"]


def run(
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
    manifest = _manifest(job, kind, inputs, spec, identity, receipts, warnings)
    from dataprep.image_text import report  # on the driver alone: executors import this module, and have no matplotlib

    commit.put(out, report.NAME, report.report(manifest, receipts).encode())
    commit.finish(out, manifest, [shard["entry"] for receipt in receipts for shard in receipt["shards"]])
    return Outcome(manifest, state)


def _manifest(
    job: MultimodalJob,
    kind: Literal["pairs", "conversations"],
    inputs: Sequence[InputFile],
    spec: TaskSpec,
    identity: plan.Plan,
    receipts: Sequence[Receipt],
    warned: Sequence[str],
) -> Manifest:
    """Add the receipts up; the manifest's own validators refuse sums that do not agree."""
    counts, rejected = Counter[str](), Counter[str]()
    for receipt in receipts:
        counts.update(receipt["counts"])
        rejected.update(receipt["rejected"])
    warnings = {*warned, *(warning for receipt in receipts for warning in receipt["warnings"])}
    samples = sum(receipt["samples"] for receipt in receipts)
    if samples >= _MANY and (share := counts["pad"] / (samples * job.seq_len)) > geometry.ENOUGH:
        warnings.add(
            f"{share:.1%} of positions are padding; `python -m dataprep plan` says which geometry divides better"
        )
    return Manifest(
        kind=kind,
        plan=identity.hash,
        seed=job.seed,
        seq_len=job.seq_len,
        samples=samples,
        tokens=TokenCounts(**{name: counts[name] for name in ("text", "visual", "caption", "pad")}),
        images=sum(receipt["images"] for receipt in receipts),
        tokenizer=spec.tokenizer.identity,
        geometry=job.geometry.resolved(),
        rows=Rows(
            read=sum(receipt["rows"] for receipt in receipts),
            written=sum(receipt["written"] for receipt in receipts),
            rejected=dict(sorted(rejected.items())),
        ),
        inputs=list(inputs),
        shards=[
            ShardReceipt(name=s["name"], samples=s["entry"]["samples"], bytes=s["bytes"], digest=s["digest"])
            for receipt in receipts
            for s in receipt["shards"]
        ],
        licences=job.licences,
        packages=identity.packages,
        warnings=sorted(warnings),
    )


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
