"""Fetches one shard's URLs into one tar, and in later rounds retries those that may pass in another: the third stage.

The rows that come back from img2dataset (`engine`) are compared with those that went in: missing ones go round once
more, and what is missing then has the reason `dropped`. A tar is written in uid order, with keys that follow from the
row's place in the shard, the extension that the content calls for, and no times.

Rounds. The first one writes `NNNNN.tar` and `NNNNN.parquet`, a line for every row. Round r tries the rows whose failure
may pass, writes what it gets to a tar of its own, `NNNNN-rR.tar`, and replaces the Parquet file by one with the new
outcomes. Tars are never changed, so a uid is in one of them at most. Which rows belong to a round follows from the
Parquet file whether or not a killed attempt has replaced it already: rows that stand to be tried, and rows that were
tried in this very round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.download.client.address_guard import AddressGuard
from dataprep.download.client.fetch import Fetcher
from dataprep.download.client.reasons import TRANSIENT, Reason
from dataprep.download.config import DownloadJob
from dataprep.download.counts import counts
from dataprep.download.extract import SCHEMA
from dataprep.download.fetch_pool import Failure, Outcome, Picture, Spool, fetch_into
from dataprep.download.join import shard_file
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.storage import files
from dataprep.tar.write import write_tar

_RESULT = [
    ("key", pa.string()),
    *((field.name, field.type) for field in SCHEMA),
    ("status", pa.string()),
    ("reason", pa.string()),
    ("detail", pa.string()),
    ("sha256", pa.string()),
    ("hash_match", pa.bool_()),
    ("kind", pa.string()),
    ("bytes", pa.int64()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("orientation", pa.int32()),
    ("round", pa.int32()),
]
RESULT_SCHEMA = pa.schema(_RESULT)
_OUTCOME = RESULT_SCHEMA.names[RESULT_SCHEMA.names.index("status") : -1]


def tar_file(shard: int, round_number: int) -> str:
    """Name of the tar that round `round_number` of `shard` makes."""
    return f"{shard:05}.tar" if round_number == 1 else f"{shard:05}-r{round_number}.tar"


def download(where: tuple[int, int], scratch: Scratch, job: DownloadJob, tasks_at_once: int) -> Receipt:
    """Fetch what round `where[1]` of shard `where[0]` has to; publishes the round's tar and the shard's Parquet."""
    shard, number = where
    results = _before(shard, number, scratch.out)
    due = [result for result in results if result["round"] == number]
    spool = Spool(scratch.path("spool"), job.images)
    try:
        fetched = _fetch(due, spool, scratch.directory, job, tasks_at_once)
        for result in due:
            result |= _outcome(result, fetched.get(result["uid"]), job)
        with open(scratch.path("shard.tar"), "wb") as out:
            write_tar(out, _members(due, fetched, spool))
    finally:
        spool.close()
    pq.write_table(pa.Table.from_pylist(results, RESULT_SCHEMA), scratch.path("shard.parquet"), compression="zstd")
    names = {"shard.tar": tar_file(shard, number), "shard.parquet": f"{shard:05}.parquet"}
    published = [scratch.publish(scratch.path(local), name) for local, name in names.items()]
    return {**counts(results), "files": [{"name": one.name, "bytes": one.bytes} for one in published]}


def _before(shard: int, number: int, out: str) -> list[dict[str, Any]]:
    """The shard's lines as the round finds them; the `round` of those that it has to try is `number`."""
    if number == 1:
        rows = _read(files.join(out, shard_file(shard)))
        return [{**row, "key": f"{shard:05}{place:05}", "round": 1} for place, row in enumerate(rows)]
    results = _read(files.join(out, f"{shard:05}.parquet"))
    for result in results:
        if result["reason"] in TRANSIENT:
            result["round"] = number
    return results


def _read(uri: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(files.read_bytes(uri))).to_pylist()
    return rows


def _fetch(
    due: Sequence[dict[str, Any]], spool: Spool, folder: Path, job: DownloadJob, tasks_at_once: int
) -> dict[str, Outcome]:
    fetcher = Fetcher(job.policy(tasks_at_once), AddressGuard(job.allow_addresses))
    for attempt in range(2):
        missing = [row for row in due if row["uid"] not in spool.outcomes]
        if missing:
            fetch_into(spool, missing, folder / f"attempt{attempt}", fetcher, job.threads)
    return spool.outcomes


def _outcome(row: dict[str, Any], outcome: Outcome | None, job: DownloadJob) -> dict[str, Any]:
    """The row's line from `status` to `orientation`."""
    line: dict[str, Any] = {**dict.fromkeys(_OUTCOME), "status": "failed"}
    if not isinstance(outcome, Picture):
        failure = outcome or Failure(Reason.DROPPED, "")
        return {**line, "reason": str(failure.reason), "detail": failure.detail}
    expected = (row["expected_sha256"] or "").lower() or None
    line |= {"sha256": outcome.sha256, "hash_match": None if expected is None else expected == outcome.sha256}
    if line["hash_match"] is False and job.on_hash_mismatch == "reject":
        return {**line, "reason": str(Reason.HASH_MISMATCH)}
    info = outcome.info
    stored = {"kind": info.kind, "bytes": outcome.size, "width": info.width, "height": info.height}
    return {**line, **stored, "status": "success", "orientation": outcome.orientation}


def _members(due: Sequence[dict[str, Any]], fetched: dict[str, Outcome], spool: Spool) -> Iterator[tuple[str, bytes]]:
    """The canonical tar: for each success in uid order the image, its caption, and everything known of it."""
    for result in due:
        picture = fetched.get(result["uid"])
        if result["status"] == "success" and isinstance(picture, Picture):
            key = result["key"]
            yield f"{key}.{result['kind']}", spool.read(picture)
            yield f"{key}.json", files.to_json({name: result.get(name) for name in RESULT_SCHEMA.names})
            yield f"{key}.txt", (result["caption"] or "").encode()
