"""Takes pairs or conversations out of a finished dataset without moving anything else.

A schedule names a sample by its number, and numbers follow from how many samples each shard holds. So a takedown keeps
both: a removed row's ids leave its window, the rows behind it move up, and the window is filled with padding. Whole
rows followed by padding is what every window is, so readers need no second rule, and since attention and positions
stay inside a row, what a model sees of the other rows is what it saw before. The manifest's
`removals` say what has left, and keep the `content` digest that schedules name the dataset by.

Only the shards (and provenance parts) with removed rows are written again. All of it is one change
(`dataprep.engine.journal`):
a kill at any moment leaves the dataset as it was or as it shall be, once `remove` has been started again.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from common.errors import InputError
from dataprep.engine import checksums, commit, journal, lease, paths
from dataprep.engine.checksums import Checksums
from dataprep.engine.dataset import load_manifest
from dataprep.mds.index import ShardEntry, index_json
from dataprep.provenance import row_parts
from dataprep.storage import files
from dataprep.takedown.request import Gone, Request, find
from dataprep.takedown.rewrite import rewrite
from schemas import row_provenance
from schemas.manifest import MANIFEST_NAME, Manifest, Removal, ShardReceipt

FOLDER = "removed"
REASON = "removed"


@dataclass(frozen=True)
class Outcome:
    """Counts what a takedown did, or would do."""

    manifest: Manifest
    """As it is afterwards."""
    removed: list[Gone]
    shards: list[str]
    """Names of the shards that were written again."""


def remove(dataset: str, request: Request, *, date: str, note: str = "", dry_run: bool = False) -> Outcome:
    """Replace the rows that `request` names by padding; finishes an interrupted takedown first.

    Args:
        date: of the record in the manifest, ISO.
        note: for the record: a ticket's number, a reason.

    Raises:
        InputError: no finished dataset of images, one without the provenance that the request needs, or damage.
    """
    out = files.absolute(dataset)
    load_manifest(out)  # a folder that holds no dataset gets no lease either
    with contextlib.nullcontext() if dry_run else lease.held(out, "takedown"):
        manifest = load_manifest(out)
        if manifest.kind == "text":
            raise InputError(
                "a text dataset; takedown is for pairs and conversations", file=dataset, remedy="filter its inputs"
            )
        if manifest.kind == "conversations" and (request.urls or request.hosts):
            raise InputError(
                "conversations carry no URLs", file=dataset, remedy="name them by --uid, which is their id"
            )
        if dry_run and journal.pending(out):
            raise InputError(
                "a takedown was interrupted", file=dataset, remedy="finish it: python -m dataprep remove DIR"
            )
        if not dry_run and journal.finish(out):
            manifest = load_manifest(out)
        gone = find(out, manifest, request) if request else []
        if dry_run or not gone:
            return Outcome(manifest, gone, [name for name, _, _ in _by_shard(manifest, gone)])
        commit.sweep(out)
        return _remove(out, manifest, gone, request, date, note)


def _by_shard(manifest: Manifest, gone: Iterable[Gone]) -> Iterator[tuple[str, int, dict[int, list[Gone]]]]:
    """Shards with removed rows, the number of their first sample in its task, and those rows by sample in the shard."""
    of_task: dict[int, list[Gone]] = defaultdict(list)
    for one in gone:
        of_task[one.task].append(one)
    first: dict[int, int] = defaultdict(int)
    for shard in manifest.shards:
        task = row_provenance.task_of(shard.name)
        start = first[task]
        first[task] = start + shard.samples
        here: dict[int, list[Gone]] = defaultdict(list)
        for one in of_task.get(task, ()):
            if start <= one.sample < start + shard.samples:
                here[one.sample - start].append(one)
        if here:
            yield shard.name, start, here


def _remove(out: str, manifest: Manifest, gone: list[Gone], request: Request, date: str, note: str) -> Outcome:
    change, sums = journal.Change(out), Checksums.load(out)
    entries: list[ShardEntry] = files.read_json(files.join(out, paths.INDEX_NAME))["shards"]
    number_of = {shard.name: number for number, shard in enumerate(manifest.shards)}
    receipts = list(manifest.shards)
    parts = {task: row_parts.read_part(sums, task) for task in sorted({one.task for one in gone})}
    changed = []
    for name, first, here in _by_shard(manifest, gone):
        number = number_of[name]
        shard = rewrite(out, name, entries[number], here, parts[row_provenance.task_of(name)], first, manifest)
        change.put(name, shard.data)
        entries[number] = shard.entry
        receipts[number] = ShardReceipt(
            name=name, samples=receipts[number].samples, bytes=len(shard.data), digest=shard.digest
        )
        changed.append(name)
    for task, table in parts.items():
        left = row_parts.without(table, {one.row for one in gone if one.task == task})
        change.put(row_provenance.part_file(task), row_parts.part_bytes(left))
    after = _account(manifest, gone, receipts, request, date, note, len(changed))
    _record(change, after.removals[-1], request, gone)
    change.put(paths.INDEX_NAME, index_json(entries))
    said = commit.manifest_json(after)
    if sums.digests:
        now = {**sums.digests, **change.digests, MANIFEST_NAME: checksums.of(said)}
        change.put(paths.CHECKSUMS_NAME, checksums.listing(now))
    change.put(MANIFEST_NAME, said)
    change.commit()
    return Outcome(after, gone, changed)


def _account(
    manifest: Manifest,
    gone: list[Gone],
    receipts: list[ShardReceipt],
    request: Request,
    date: str,
    note: str,
    shards: int,
) -> Manifest:
    """The manifest afterwards: rows become rejects, their ids padding, and the removal is on record."""
    ids, images = sum(one.tokens for one in gone), sum(one.images for one in gone)
    visual = images * (manifest.geometry.tokens if manifest.geometry else 0)
    spoken = "caption" if manifest.kind == "pairs" else "text"
    tokens, rows = manifest.tokens.model_dump(), manifest.rows.model_dump()
    tokens["visual"] -= visual
    tokens[spoken] -= ids - visual
    tokens["pad"] += ids
    rows["written"] -= len(gone)
    rows["rejected"][REASON] = rows["rejected"].get(REASON, 0) + len(gone)
    rows["rejected"] = dict(sorted(rows["rejected"].items()))
    revision = len(manifest.removals) + 1
    removal = Removal(
        revision=revision,
        date=date,
        note=note,
        asked={"uid": len(request.uids), "url": len(request.urls), "host": len(request.hosts)},
        record=f"{FOLDER}/{revision:05}.json",
        rows=len(gone),
        images=images,
        tokens=ids,
        shards=shards,
        content=manifest.content,
    )
    changed = {
        "tokens": tokens,
        "rows": rows,
        "images": manifest.images - images,
        "shards": [one.model_dump() for one in receipts],
        "removals": [*(one.model_dump() for one in manifest.removals), removal.model_dump()],
    }
    return Manifest.model_validate(manifest.model_dump() | changed)


def _record(change: journal.Change, removal: Removal, request: Request, gone: list[Gone]) -> None:
    """Records what was asked and which rows left: for the audit, and as a list that a new dataset's `banned:` takes."""
    uids = sorted({one.uid for one in gone})
    asked = {"uids": sorted(request.uids), "urls": sorted(request.urls), "hosts": sorted(request.hosts)}
    record = {"date": removal.date, "note": removal.note, "asked": asked, "removed": uids}
    change.put(removal.record, json.dumps(record, indent=1).encode() + b"\n")
    change.put(f"{FOLDER}/{removal.revision:05}.txt", "".join(f"{uid}\n" for uid in uids).encode())
