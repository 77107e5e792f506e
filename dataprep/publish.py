"""Finish a dataset: `index.json`, then `manifest.json`, then the staging area goes.

The manifest is the commit. Before it, a reader finds no manifest and refuses; after it, everything that it names is in
place. Sweeping comes last and may be repeated: a run that finds the dataset finished sweeps what a killed driver left.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataprep import files
from dataprep.mds.index import ShardEntry, index_json
from dataprep.plan import PLAN_NAME, STAGING, TEMPORARY
from schemas.manifest import MANIFEST_NAME, Manifest

INDEX_NAME = "index.json"


def finish(out: str, manifest: Manifest, shards: Sequence[ShardEntry]) -> None:
    """Publish the index over `shards` (entries as in their receipts, in order), then `manifest`, then sweep `out`."""
    temporary = files.join(out, TEMPORARY)
    files.publish_bytes(index_json(shards), files.join(out, INDEX_NAME), temporary=temporary)
    text = manifest.model_dump_json(indent=1) + "\n"
    files.publish_bytes(text.encode(), files.join(out, MANIFEST_NAME), temporary=temporary)
    sweep(out)


def sweep(out: str) -> list[str]:
    """Remove all staging files of a finished dataset but its plan; returns what was removed."""
    staging = files.join(out, STAGING)
    plan = files.join(staging, PLAN_NAME)
    doomed = [uri for uri in files.list_files(staging) if uri != plan]
    for folder in sorted({uri.removeprefix(f"{staging}/").partition("/")[0] for uri in doomed}):
        files.remove_tree(files.join(staging, folder))
        files.remove(files.join(staging, folder))
    return doomed
