"""Builds the manifest of a pairs or conversations dataset from its receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from dataprep.engine import plan
from dataprep.engine.tasks import Receipt
from dataprep.image_text import padding_advice
from dataprep.image_text.settings import MultimodalJob, TaskSpec
from schemas.manifest import InputFile, Manifest, Rows, ShardReceipt, TokenCounts

_MANY = 100
"""Windows below which a share of padding says little: the last one of each task is half empty."""


def build_manifest(
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
    if samples >= _MANY and (share := counts["pad"] / (samples * job.seq_len)) > padding_advice.ENOUGH:
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
        conversation=spec.conversation,
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
