"""Finishes a dataset: writes index, checksums and manifest, in this order, then removes the staging area.

The manifest is the commit. Before it, a reader finds no manifest and refuses; after it, everything that it names is in
place. Sweeping comes last and may be repeated: a run that finds the dataset finished sweeps what a killed driver left.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from dataprep.engine import checksums, journal
from dataprep.engine.paths import CHECKSUMS_NAME, INDEX_NAME, LEASE_NAME, PLAN_NAME, STAGING, TEMPORARY
from dataprep.mds.index import ShardEntry, index_json
from dataprep.storage import files
from schemas.manifest import MANIFEST_NAME, Manifest


def commit(out: str, folder: str, manifest: Manifest, shards: Sequence[ShardEntry], digests: Mapping[str, str]) -> None:
    """Publish in `OUT/folder` the index over `shards` (entries as in their receipts, in order), checksums, `manifest`.

    The folder "" is `out` itself.

    A job that makes several datasets commits those in sub-folders first.

    Args:
        digests: of files that the job published, by name below `out`; the manifest has those of the shards.
    """
    said = manifest_json(manifest)
    index = put(out, posixpath.join(folder, INDEX_NAME), index_json(shards))
    own = {shard.name: shard.digest for shard in manifest.shards}
    own |= {**checksums.within(folder, digests), INDEX_NAME: index, MANIFEST_NAME: checksums.of(said)}
    put(out, posixpath.join(folder, CHECKSUMS_NAME), checksums.listing(own))
    put(out, posixpath.join(folder, MANIFEST_NAME), said)


def manifest_json(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`."""
    return manifest.model_dump_json(indent=1).encode() + b"\n"


def put(out: str, name: str, data: bytes) -> str:
    """Publish `OUT/name` from the driver; what a killed driver leaves of it lies in the staging area.

    Returns:
        Its digest.
    """
    files.publish_bytes(data, files.join(out, name), temporary=files.join(out, TEMPORARY))
    return checksums.of(data)


def sweep(out: str) -> list[str]:
    """Remove all staging files of a finished dataset but its plan; returns what was removed.

    Nothing is removed while a change waits to be finished: its files lie there. The caller holds the lease, or a change
    that is being prepared would lose its files.
    """
    if journal.pending(out):
        return []
    staging = files.join(out, STAGING)
    kept = {files.join(staging, name) for name in (PLAN_NAME, LEASE_NAME)}
    doomed = [uri for uri in files.list_files(staging) if uri not in kept]
    for folder in sorted({uri.removeprefix(f"{staging}/").partition("/")[0] for uri in doomed}):
        files.remove_tree(files.join(staging, folder))
        files.remove(files.join(staging, folder))
    return doomed
