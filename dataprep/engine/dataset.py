"""Builds the manifest of a dataset from what its tasks counted, and reads that of a finished one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from common.errors import InputError
from dataprep.engine.paths import HELD_OUT
from dataprep.engine.plan import Plan
from dataprep.storage import files
from schemas.conversation_format import ConversationFormat
from schemas.manifest import (
    MANIFEST_NAME,
    ImageGeometry,
    Manifest,
    Rows,
    ShardReceipt,
    TokenCounts,
    TokenizerIdentity,
)


class Settings(Protocol):
    """Offers what every job says of its dataset."""

    @property
    def seq_len(self) -> int: ...
    @property
    def licences(self) -> list[str]: ...


def build_manifest(
    plan: Plan,
    job: Settings,
    tokenizer: TokenizerIdentity,
    *,
    tokens: Mapping[str, int],
    read: int,
    written: int,
    rejected: Mapping[str, int],
    shards: Iterable[ShardReceipt],
    warnings: Iterable[str],
    images: int = 0,
    geometry: ImageGeometry | None = None,
    conversation: ConversationFormat | None = None,
) -> Manifest:
    """The manifest of a dataset; its own validators refuse sums that do not agree.

    Args:
        tokens: positions by kind, as `TokenCounts` names them.
        read: rows of the inputs; each was `written` or counts under a reason of `rejected`.
    """
    if plan.kind == "download":
        raise ValueError("a download is no dataset")
    published = list(shards)
    return Manifest(
        kind=plan.kind,
        plan=plan.hash,
        seed=plan.seed,
        seq_len=job.seq_len,
        samples=sum(shard.samples for shard in published),
        tokens=TokenCounts(**tokens),
        images=images,
        tokenizer=tokenizer,
        geometry=geometry,
        conversation=conversation,
        rows=Rows(read=read, written=written, rejected={name: n for name, n in sorted(rejected.items()) if n}),
        inputs=plan.inputs,
        shards=published,
        licences=job.licences,
        packages=plan.packages,
        warnings=list(warnings),
    )


def with_held_out(dataset: str) -> list[str]:
    """`dataset`, and the dataset of what its job has held out, if there is one."""
    held = files.join(dataset, HELD_OUT)
    return [dataset, held] if files.exists(files.join(files.absolute(held), MANIFEST_NAME)) else [dataset]


def load_manifest(root: str) -> Manifest:
    """The manifest of the dataset at any URI.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if files.is_local(root):
        return Manifest.load(root)
    uri = files.join(root, MANIFEST_NAME)
    if not files.exists(uri):
        raise InputError("no manifest.json, so this is not a finished dataset", file=root, remedy="run the job again")
    return Manifest.parse(files.read_bytes(uri), uri)
