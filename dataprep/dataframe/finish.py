"""Makes a dataset of the receipts of a DataFrame's partitions; removes what attempts that do not count have left."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor

from common.errors import InputError
from dataprep.dataframe.options import Target
from dataprep.dataframe.partition import Written, out_of_order, working_directory
from dataprep.engine import lease
from dataprep.engine.commit import commit as publish
from dataprep.engine.commit import put
from dataprep.engine.dataset import build_manifest, load_manifest
from dataprep.engine.nothing_written import nothing_written
from dataprep.engine.output_version import OUTPUT_VERSION, package_versions
from dataprep.engine.paths import CHECKSUMS_NAME, INDEX_NAME, PLAN_NAME, STAGING, TEMPORARY
from dataprep.engine.plan import Plan
from dataprep.storage import files
from schemas.manifest import MANIFEST_NAME, ShardReceipt

_LEFT = re.compile(
    r"(?:shard|rejects/)\.?\d+\.[0-9a-f]+-[0-9a-f]+\..*|(?:index\.json|checksums\.txt)|\.switchpoint/(?:mds-.*|tmp/.*|plan\.json)"
)
"""What a write that was killed may have left."""


class _Settings:
    """Says what a manifest holds of its job's settings."""

    def __init__(self, target: Target) -> None:
        self.seq_len = target.options.seq_len
        self.licences = [one.strip() for one in (target.options.licences or "").split(",") if one.strip()]


def claim(target: Target, *, overwrite: bool) -> list[str]:
    """The files at the path, which the write replaces; none for one that does not overwrite.

    Raises:
        InputError: there is what may not be replaced, or somebody works there.
    """
    out = target.options.path
    lease.check(out)
    there = [uri for uri in files.list_files(out) if f".{target.run}-" not in files.basename(uri)]
    names = {uri.removeprefix(f"{out}/") for uri in there}
    if MANIFEST_NAME in names:
        if overwrite:
            return there
        problem = "there is a dataset, and its samples are numbered: rows cannot be appended"
        raise InputError(problem, file=out, remedy='use another path and mix both, or mode("overwrite")')
    names = {name for name in names if not name.startswith(f"{working_directory(target)}/")}
    if overwrite and all(_LEFT.fullmatch(name) for name in names):
        return there
    if names:
        raise InputError("the directory is not empty and holds no dataset", file=out, remedy="use another path")
    return []


def commit(target: Target, receipts: Sequence[Written], *, overwrite: bool) -> None:
    """Publishes index and manifest over the shards of `receipts` (in the order of partitions), then sweeps.

    Raises:
        InputError: rows are not sorted over all partitions, there are none, or the shards are on other disks.
    """
    out = target.options.path
    _check_order(target, receipts)
    rejected = sum((Counter(one.rejected) for one in receipts), Counter[str]())
    shards = [ShardReceipt.model_validate(about) for one in receipts for _, about in one.shards]
    if not shards:
        raise nothing_written("documents", out, rejected)
    _check_shared(out, shards)
    identity = _plan(target, shards)
    manifest = build_manifest(
        identity,
        _Settings(target),
        target.spec.identity,
        tokens={"text": sum(one.ids for one in receipts), "pad": sum(one.padding for one in receipts)},
        read=sum(one.rows for one in receipts),
        written=sum(one.written for one in receipts),
        rejected=rejected,
        shards=shards,
        warnings=sorted({warning for one in receipts for warning in one.warnings}),
    )
    old = claim(target, overwrite=overwrite)
    files.remove(files.join(out, MANIFEST_NAME))
    put(out, f"{STAGING}/{PLAN_NAME}", identity.json_bytes())
    entries = [entry for one in receipts for entry, _ in one.shards]
    publish(out, "", manifest, entries, {name: digest for one in receipts for name, digest in one.digests.items()})
    new = {MANIFEST_NAME, INDEX_NAME, CHECKSUMS_NAME, f"{STAGING}/{PLAN_NAME}"}
    _sweep(target, {shard.name for shard in shards} | new | {one.named for one in receipts if one.named}, old)


def abort(target: Target) -> None:
    """Removes what the attempts have written, unless they are the dataset already."""
    out = target.options.path
    shards = load_manifest(out).shards if files.exists(files.join(out, MANIFEST_NAME)) else []
    if not any(f".{target.run}-" in shard.name for shard in shards):
        _sweep(target, set(), [])


def _sweep(target: Target, kept: Set[str], old: Sequence[str]) -> None:
    """Removes `old` files and those of this write, but for those that are `kept` (names below the root)."""
    out = target.options.path
    own = [uri for uri in files.list_files(out) if f".{target.run}-" in files.basename(uri)]
    for uri in {*own, *old} - {files.join(out, name) for name in kept}:
        files.remove(uri)
    for name in (working_directory(target), TEMPORARY):
        files.remove_tree(files.join(out, name))


def _check_order(target: Target, receipts: Sequence[Written]) -> None:
    last = None
    for one in receipts:
        if one.first is None:
            continue
        if last is not None and not last < one.first:
            raise out_of_order(target, last, one.first)
        last = one.last


def _check_shared(out: str, shards: Sequence[ShardReceipt]) -> None:
    def is_there(shard: ShardReceipt) -> bool:
        uri = files.join(out, shard.name)
        return files.exists(uri) and files.size(uri) == shard.bytes

    with ThreadPoolExecutor(16) as pool:
        if not all(pool.map(is_there, shards)):
            remedy = "use a path that all machines share (s3://, gs://, hdfs:// or a network file system)"
            raise InputError("the executors wrote to a disk that the driver does not see", file=out, remedy=remedy)


def _plan(target: Target, shards: Sequence[ShardReceipt]) -> Plan:
    """A plan whose input is a DataFrame: it is known by what became of it."""
    digests = hashlib.sha256("\n".join(shard.digest for shard in shards).encode()).hexdigest()
    config = target.options.model_dump(mode="json", exclude={"path", "tokenizer"})
    return Plan(
        kind="text",
        inputs=[],
        config={**config, "format": "mds", "rows": digests},
        tokenizer=target.spec.identity.digest,
        output_version=OUTPUT_VERSION["text"],
        packages=package_versions("text"),
    )
