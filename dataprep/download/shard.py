"""Third stage: one shard's URLs to one tar, by img2dataset's own downloader, then put into canonical form.

img2dataset does what it is good at: a pool of threads, a bounded queue, samples as they come. Around it stands what it
lacks. Its requests go through our `Fetcher`. Its tar has the order in which threads happened to finish, so it is
rewritten in uid order, with keys that follow from the row's place, the extension that the content calls for, and no
times. And since it drops a row without a word when writing it fails, the rows that come back are compared with those
that went in: missing ones go round once more, and what is missing then has the reason `dropped`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import files
from dataprep.download.account import Reason, message_of, reason_of
from dataprep.download.config import DownloadJob
from dataprep.download.extract import SCHEMA
from dataprep.download.fetch import Fetcher, installed
from dataprep.download.guard import AddressGuard
from dataprep.download.metadata import shard_file
from dataprep.image import ImageError, inspect
from dataprep.tasks import Receipt, Scratch
from dataprep.webdataset import samples, write_tar

HOSTS_KEPT = 200
"""Hosts with the most rows that a receipt names; the rest are one entry."""
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
]
RESULT_SCHEMA = pa.schema(_RESULT)


def download(shard: int, scratch: Scratch, job: DownloadJob) -> Receipt:
    """Fetch the rows of `shard`; publishes `NNNNN.tar` (successes) and `NNNNN.parquet` (every row)."""
    rows = pq.read_table(pa.BufferReader(files.read_bytes(files.join(scratch.out, shard_file(shard))))).to_pylist()
    fetcher = Fetcher(job.policy(), AddressGuard(job.allow_addresses))
    outcomes: dict[str, dict[str, Any]] = {}
    rounds: list[Path] = []
    with installed(fetcher):
        for attempt in range(2):
            missing = [row for row in rows if row["uid"] not in outcomes]
            if missing:
                rounds.append(scratch.path(f"round{attempt}"))
                outcomes |= _img2dataset(missing, rounds[-1], job)
    results = [_result(row, outcomes.get(row["uid"]), f"{shard:05}{n:05}", job) for n, row in enumerate(rows)]
    with open(scratch.path("shard.tar"), "wb") as out:
        write_tar(out, _members(results, outcomes))
    table = pa.Table.from_pylist(results, RESULT_SCHEMA)
    pq.write_table(table, scratch.path("shard.parquet"), compression="zstd")
    published = [
        scratch.publish(scratch.path(f"shard.{extension}"), f"{shard:05}.{extension}")
        for extension in ("tar", "parquet")
    ]
    return {**_counts(results), "files": [{"name": one.name, "bytes": one.bytes} for one in published]}


def _img2dataset(rows: list[dict[str, Any]], folder: Path, job: DownloadJob) -> dict[str, dict[str, Any]]:
    """Run img2dataset's downloader over `rows`; what it says of each, by uid, and where a success lies in its tar."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for news at import
    from img2dataset.downloader import Downloader
    from img2dataset.resizer import Resizer
    from img2dataset.writer import WebDatasetSampleWriter

    folder.mkdir()
    source = folder / "rows.arrow"
    table = pa.Table.from_pylist([{"uid": row["uid"], "url": row["url"] or ""} for row in rows])
    with pa.ipc.new_file(str(source), table.schema) as writer:
        writer.write_table(table)
    Downloader(
        sample_writer_class=WebDatasetSampleWriter,
        resizer=Resizer(image_size=256, resize_mode="no", resize_only_if_bigger=False, disable_all_reencoding=True),
        thread_count=job.threads,
        save_caption=False,
        extract_exif=False,
        output_folder=str(folder),
        column_list=["uid", "url"],
        timeout=job.timeout,
        number_sample_per_shard=len(rows),
        oom_shard_count=5,
        compute_hash="sha256",
        verify_hash_type=None,
        encode_format="jpg",
        retries=0,
        user_agent_token=job.agent,
        disallowed_header_directives=None,
    ).download_shard((0, str(source)))
    outcomes: dict[str, dict[str, Any]] = {}
    for row in pq.read_table(folder / "00000.parquet").to_pylist():
        outcomes[row["uid"]] = {name: row[name] for name in ("status", "error_message", "sha256")}
    tar_path = folder / "00000.tar"
    with open(tar_path, "rb") as tar:
        for sample in samples(tar, str(tar_path)):
            meta = orjson.loads(sample.members["json"].read(tar))
            image = sample.members["jpg"]
            outcomes[meta["uid"]]["image"] = (str(tar_path), image.offset, image.size)
    return {uid: one for uid, one in outcomes.items() if one["status"] != "success" or "image" in one}


def _result(row: dict[str, Any], outcome: dict[str, Any] | None, key: str, job: DownloadJob) -> dict[str, Any]:
    """The row's line in `NNNNN.parquet`, success or reason."""
    result = {**row, "key": key, "status": "failed"}
    if outcome is None:
        return {**result, "reason": str(Reason.DROPPED)}
    if outcome["status"] != "success":
        message = outcome["error_message"]
        return {**result, "reason": reason_of(message), "detail": message_of(message)}
    expected = (row["expected_sha256"] or "").lower() or None
    result |= {"sha256": outcome["sha256"], "hash_match": None if expected is None else expected == outcome["sha256"]}
    if result["hash_match"] is False and job.on_hash_mismatch == "reject":
        return {**result, "reason": str(Reason.HASH_MISMATCH)}
    try:
        info = inspect(_image(outcome), job.images)
    except ImageError as error:  # the fetcher has judged these very bytes, so this guards against our own mistakes
        return {**result, "reason": error.reason, "detail": error.detail}
    size = {"width": info.width, "height": info.height, "orientation": info.orientation}
    return {**result, "status": "success", "kind": info.kind, "bytes": outcome["image"][2], **size}


def _image(outcome: dict[str, Any]) -> bytes:
    path, offset, size = outcome["image"]
    with open(path, "rb") as tar:
        tar.seek(offset)
        return tar.read(size)


def _members(results: list[dict[str, Any]], outcomes: dict[str, dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """The canonical tar: for each success in uid order the image, its caption, and everything known of it."""
    for result in results:
        if result["status"] == "success":
            key = result["key"]
            yield f"{key}.{result['kind']}", _image(outcomes[result["uid"]])
            yield f"{key}.json", files.to_json({name: result.get(name) for name in RESULT_SCHEMA.names})
            yield f"{key}.txt", (result["caption"] or "").encode()


def _counts(results: list[dict[str, Any]]) -> dict[str, Any]:
    hosts: dict[str, Counter[str]] = {}
    matches: Counter[str] = Counter()
    for result in results:
        host = hosts.setdefault(_host(result["url"]), Counter())
        host[result.get("reason") or "success"] += 1
        if result["status"] == "success":
            matches[{None: "unknown", True: "match", False: "mismatch"}[result["hash_match"]]] += 1
    frequent = sorted(hosts, key=lambda name: (-hosts[name].total(), name))
    others = sum((hosts[name] for name in frequent[HOSTS_KEPT:]), Counter[str]())
    reasons = Counter(result["reason"] for result in results if result["status"] != "success")
    return {
        "rows": len(results),
        "written": len(results) - reasons.total(),
        "rejected": dict(sorted(reasons.items())),
        "hashes": dict(matches),
        "image_bytes": sum(result.get("bytes") or 0 for result in results),
        "hosts": {name: dict(hosts[name]) for name in frequent[:HOSTS_KEPT]} | ({"": dict(others)} if others else {}),
    }


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url or "").hostname or "").lower()
    except ValueError:
        return ""
