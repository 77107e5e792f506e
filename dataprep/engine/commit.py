"""Finishes a dataset: writes `index.json`, then `manifest.json`, then removes the staging area.

The manifest is the commit. Before it, a reader finds no manifest and refuses; after it, everything that it names is in
place. Sweeping comes last and may be repeated: a run that finds the dataset finished sweeps what a killed driver left.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from dataprep.engine import journal
from dataprep.engine.paths import INDEX_NAME, LEASE_NAME, PLAN_NAME, STAGING, TEMPORARY
from dataprep.mds.index import ShardEntry, index_json
from dataprep.storage import files
from schemas.manifest import MANIFEST_NAME, Manifest


def commit(out: str, folder: str, manifest: Manifest, shards: Sequence[ShardEntry]) -> None:
    """Publish the index over `shards` (entries as in their receipts, in order), then `manifest`, in `OUT/folder`.

    The folder "" is `out` itself.

    A job that makes several datasets commits those in sub-folders first.
    """
    put(out, posixpath.join(folder, INDEX_NAME), index_json(shards))
    put(out, posixpath.join(folder, MANIFEST_NAME), manifest_json(manifest))


def manifest_json(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`."""
    return manifest.model_dump_json(indent=1).encode() + b"\n"


def put(out: str, name: str, data: bytes) -> None:
    """Publish `OUT/name` from the driver; what a killed driver leaves of it lies in the staging area."""
    files.publish_bytes(data, files.join(out, name), temporary=files.join(out, TEMPORARY))


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
