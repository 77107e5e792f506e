"""The download job, driver side: extract, join, fetch, then the report that commits the result.

    metadata.parquet, dr.tar --(a task per file)--> rows --(Spark join)--> rows by shard --(a task per shard)--> tars

A killed job goes on where it stopped: files that were extracted, the join, and shards that were fetched are not done
again. `download.json` is written last; without it the directory is not a finished download.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from dataprep import files, plan
from dataprep.download import extract, metadata, shard
from dataprep.download.account import REASONS
from dataprep.download.config import DownloadJob
from dataprep.plan import STAGING
from dataprep.progress import Progress
from dataprep.publish import sweep
from dataprep.tasks import Receipt, Task, run_tasks

REPORT = "download.json"


def run(spark: SparkSession, job: DownloadJob, progress: Progress | None = None) -> dict[str, Any]:
    """Download what `job` names, or what an earlier run left of it; returns the report.

    Raises:
        InputError: an input is missing or damaged, or `out` belongs to another plan.
    """
    out = files.absolute(job.out)
    inputs: list[tuple[extract.Source, str]] = [("metadata", path) for path in _expand(job.metadata)]
    inputs += [("dr", path) for path in _expand(job.dr)]
    described = plan.describe_inputs(spark, [path for _, path in inputs], sampled=job.input_digest == "sampled")
    identity = plan.Plan(
        kind="download",
        inputs=described,
        config=job.plan_config(),
        code=plan.code_version("dataprep.download", "dataprep.image", "dataprep.webdataset"),
    )
    plan.begin(out, identity)
    report = files.join(out, REPORT)
    if files.exists(report):
        sweep(out)
        return dict(files.read_json(report))
    names = [f"{source}-{number:05}" for number, (source, _) in enumerate(inputs)]
    tasks = [
        Task(name, (source, path, f"{STAGING}/extracted/{name}.parquet"))
        for name, (source, path) in zip(names, inputs, strict=True)
    ]
    extracted = run_tasks(spark, tasks, extract.extract, out=out, stage="extract", progress=progress)
    by_source: dict[str, list[str]] = {"metadata": [], "dr": []}
    for (source, _), receipt in zip(inputs, extracted, strict=True):
        by_source[source].append(receipt["file"])
    total = sum(receipt["written"] for receipt in extracted)
    joined = metadata.join(spark, out, by_source["metadata"], by_source["dr"], job.rows_per_shard, total)
    shards = [Task(f"{int(number):05}", int(number)) for number in joined["shards"]]
    work = functools.partial(shard.download, job=job)
    receipts = run_tasks(spark, shards, work, out=out, stage="download", progress=progress)
    result = make_report(identity, extracted, joined, receipts)
    files.publish_bytes(files.to_json(result), report, temporary=files.join(out, plan.TEMPORARY))
    sweep(out)
    return result


def make_report(
    identity: plan.Plan, extracted: Sequence[Receipt], joined: dict[str, Any], receipts: Sequence[Receipt]
) -> dict[str, Any]:
    """Add everything up; each input row and each uid must have ended in exactly one place."""
    before: Counter[str] = Counter(joined["rejected"])
    reasons, hashes = Counter[str](), Counter[str]()
    hosts: dict[str, Counter[str]] = {}
    for receipt in extracted:
        before.update(receipt["rejected"])
    for receipt in receipts:
        reasons.update(receipt["rejected"])
        hashes.update(receipt["hashes"])
        for host, counts in receipt["hosts"].items():
            hosts.setdefault(host, Counter()).update(counts)
    success = sum(receipt["written"] for receipt in receipts)
    assert joined["rows"] - success - reasons.total() == 0, "uids are unaccounted for"
    assert set(before) | set(reasons) <= {str(reason) for reason in REASONS}
    return {
        "plan": identity.hash,
        "inputs": [one.model_dump(mode="json") for one in identity.inputs],
        "input_rows": {"read": sum(receipt["rows"] for receipt in extracted), "rejected": dict(sorted(before.items()))},
        "uids": {"read": joined["rows"], "success": success, "failed": dict(sorted(reasons.items())), "unaccounted": 0},
        "hashes": dict(sorted(hashes.items())),
        "image_bytes": sum(receipt["image_bytes"] for receipt in receipts),
        "hosts": {host: dict(sorted(hosts[host].items())) for host in sorted(hosts)},
        "files": [one for receipt in receipts for one in receipt["files"]],
    }


def describe(job: DownloadJob) -> str:
    """What a run would do. Raises InputError for missing inputs."""
    metadata_files, tars = _expand(job.metadata), _expand(job.dr)
    allowed = f"; NOT REFUSED: {', '.join(job.allow_addresses)}" if job.allow_addresses else ""
    return (
        f"download: {len(metadata_files):,} metadata files, {len(tars):,} DataComp-DR tars -> {job.out}\n"
        f"{job.threads} threads a task, about {job.rows_per_shard:,} URLs a tar, {job.retries} retries{allowed}"
    )


def main(spark: SparkSession, job: DownloadJob, progress: Progress) -> str:
    """Run and summarise."""
    report = run(spark, job, progress)
    uids = report["uids"]
    failed = ", ".join(f"{reason} {count:,}" for reason, count in uids["failed"].items()) or "none"
    before = ", ".join(f"{reason} {count:,}" for reason, count in report["input_rows"]["rejected"].items()) or "none"
    return (
        f"{job.out}: {uids['success']:,} images of {uids['read']:,} URLs, {report['image_bytes']:,} bytes\n"
        f"failed: {failed}; unaccounted: {uids['unaccounted']}\n"
        f"input rows not tried: {before}; hashes: {report['hashes'] or 'none to compare'}"
    )


def _expand(patterns: Sequence[str]) -> list[str]:
    return files.expand(patterns) if patterns else []
