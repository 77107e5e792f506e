"""Drives the download job: extract, join, fetch, then the report that commits the result.

    metadata.parquet, dr.tar --(a task per file)--> rows --(Spark join)--> rows by shard --(a task per shard)--> tars

A killed job goes on where it stopped: files that were extracted, the join, and shards that were fetched are not done
again. `download.json` is written last; without it the directory is not a finished download. Receipts outlive it, so
that a later run with more `rounds` starts from them: it finds everything done but its own rounds, and replaces
`download.json` when those are.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.download import extract, join, shard
from dataprep.download.client.reasons import REASONS
from dataprep.download.config import DownloadJob
from dataprep.download.contact_sheet import contact_sheet
from dataprep.download.counts import frequent
from dataprep.download.page import html
from dataprep.engine import input_files, plan
from dataprep.engine.commit import put
from dataprep.engine.nothing_written import clear, nothing_written
from dataprep.engine.output_version import OUTPUT_VERSION, package_versions
from dataprep.engine.paths import STAGING
from dataprep.engine.progress import Progress
from dataprep.engine.tasks import Receipt, Task, receipts_of, run_tasks
from dataprep.storage import files, globs

REPORT = "download.json"
PAGE = "download.html"
HOSTS_IN_REPORT = 10_000
"""Hosts that the report names; the rest are one entry."""


def run(spark: SparkSession, job: DownloadJob, progress: Progress | None = None) -> dict[str, Any]:
    """Download what `job` names, or what an earlier run left of it; returns the report.

    Raises:
        InputError: an input is missing or damaged, `out` belongs to another plan, or no picture came of it.
    """
    out = job.out
    inputs: list[tuple[extract.Source, str]] = [("metadata", path) for path in _expand(job.metadata)]
    inputs += [("dr", path) for path in _expand(job.dr)]
    described = input_files.describe_inputs(spark, [path for _, path in inputs], sampled=job.input_digest == "sampled")
    identity = plan.Plan(
        kind="download",
        inputs=described,
        config=job.plan_config(),
        output_version=OUTPUT_VERSION["download"],
        packages=package_versions("download"),
    )
    report = files.join(out, REPORT)
    earlier = dict(files.read_json(report)) if files.exists(report) else {}
    if plan.begin(out, identity, finished=earlier.get("rounds", 0) >= job.rounds) == "finished":
        _sweep(out)
        return earlier
    names = [f"{source}-{number:05}" for number, (source, _) in enumerate(inputs)]
    tasks = [
        Task(name, (source, path, f"{STAGING}/extracted/{name}.parquet"))
        for name, (source, path) in zip(names, inputs, strict=True)
    ]
    work = functools.partial(extract.extract, columns=job.columns)
    extracted = run_tasks(spark, tasks, work, out=out, stage="extract", progress=progress)
    sides = [
        [one for (kind, _), one in zip(inputs, extracted, strict=True) if kind == side] for side in ("metadata", "dr")
    ]
    joined = join.join(spark, out, sides, job.rows_per_shard, progress)
    if not joined["rows"]:
        clear(out)
        raise nothing_written("rows", out, _rejected_before(extracted, joined))
    rounds = _fetch(spark, job, joined["shards"], out, progress)
    result = make_report(identity, extracted, joined, rounds, job.rounds)
    if not result["uids"]["success"]:  # without `download.json` it is unfinished: more `rounds` go on from here
        more = f"set `rounds: {result['rounds'] + 1}` to try them again" if result["uids"]["may_pass"] else None
        raise nothing_written("URLs", out, result["uids"]["failed"], more)
    tars = [one["name"] for one in result["files"] if one["name"].endswith(".tar")]
    put(out, PAGE, html(job, result, contact_sheet(spark, out, tars, job.images)).encode())
    put(out, REPORT, files.to_json(result))
    _sweep(out)
    return result


def _fetch(
    spark: SparkSession, job: DownloadJob, shards: list[int], out: str, progress: Progress | None
) -> list[dict[int, Receipt]]:
    """Receipts by shard of every round: the first has all shards, a further one those with failures that may pass."""
    at_once = min(spark.sparkContext.defaultParallelism, len(shards))
    work = functools.partial(shard.download, job=job, tasks_at_once=max(1, at_once))
    rounds: list[dict[int, Receipt]] = []
    latest: dict[int, Receipt] = {}
    due, number = shards, 1
    # A round that an earlier run with more `rounds` has begun is finished: its Parquet files stand already.
    while due and (number <= job.rounds or receipts_of(out, _stage(number))):
        tasks = [Task(f"{one:05}", (one, number)) for one in due]
        receipts = run_tasks(spark, tasks, work, out=out, stage=_stage(number), progress=progress)
        rounds.append(dict(zip(due, receipts, strict=True)))
        latest |= rounds[-1]
        due, number = [one for one in due if latest[one]["may_pass"]], number + 1
    return rounds


def _stage(number: int) -> str:
    return "download" if number == 1 else f"download-{number}"


def make_report(
    identity: plan.Plan,
    extracted: Sequence[Receipt],
    joined: dict[str, Any],
    rounds: Sequence[dict[int, Receipt]],
    wanted: int = 1,
) -> dict[str, Any]:
    """Add everything up; each input row and each uid must have ended in exactly one place.

    Args:
        rounds: receipts by shard; a shard's last receipt counts all of its rows, and each has a tar of its own.
        wanted: rounds that the job asked for; fewer were needed where nothing was left that may pass.
    """
    before = _rejected_before(extracted, joined)
    latest: dict[int, Receipt] = {}
    tars: dict[int, list[dict[str, Any]]] = {}
    for receipts in rounds:
        latest |= receipts
        for number, receipt in receipts.items():
            tars.setdefault(number, []).extend(one for one in receipt["files"] if one["name"].endswith(".tar"))
    added: dict[str, Counter[str]] = {}
    hosts: dict[str, Counter[str]] = {}
    for receipt in latest.values():
        for name in ("rejected", "hashes", "kinds", "shorter_side", "kilobytes"):
            added.setdefault(name, Counter()).update(receipt[name])
        for host, counts in receipt["hosts"].items():
            hosts.setdefault(host, Counter()).update(counts)
    sums = {
        name: sum(receipt[name] for receipt in latest.values())
        for name in ("written", "may_pass", "image_bytes", "turned_upright")
    }
    reasons = added.pop("rejected", Counter())
    unaccounted = joined["rows"] - sums["written"] - reasons.total()
    assert unaccounted == 0, f"{unaccounted} uids are unaccounted for"
    assert set(before) | set(reasons) <= {str(reason) for reason in REASONS}
    parquets = {n: [one for one in r["files"] if one["name"].endswith(".parquet")] for n, r in latest.items()}
    return {
        "plan": identity.hash,
        "inputs": [one.model_dump(mode="json") for one in identity.inputs],
        "input_rows": {"read": sum(receipt["rows"] for receipt in extracted), "rejected": dict(sorted(before.items()))},
        "uids": {
            "read": joined["rows"],
            "success": sums["written"],
            "failed": dict(sorted(reasons.items())),
            "may_pass": sums["may_pass"],
            "unaccounted": unaccounted,
        },
        "rounds": max(wanted, len(rounds)),
        **{name: dict(sorted(counter.items())) for name, counter in added.items()},
        "turned_upright": sums["turned_upright"],
        "image_bytes": sums["image_bytes"],
        "hosts": frequent(hosts, keep=HOSTS_IN_REPORT),
        "files": [one for number in sorted(latest) for one in (*tars[number], *parquets[number])],
    }


def _rejected_before(extracted: Sequence[Receipt], joined: dict[str, Any]) -> Counter[str]:
    """Input rows that are not fetched, by reason."""
    return sum((Counter(receipt["rejected"]) for receipt in extracted), Counter[str](joined["rejected"]))


def describe(job: DownloadJob) -> str:
    """Estimates what a run would do. Raises InputError for inputs that are missing or no lists."""
    metadata_files, tars = _expand(job.metadata), _expand(job.dr)
    with ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(functools.partial(extract.count_rows, columns=job.columns), metadata_files))
    rows = sum(filter(None, counts))
    if metadata_files and not any(count is None or count for count in counts):
        raise InputError("no rows", file=metadata_files[0], field="metadata", remedy="give files that hold some")
    size = f"{rows:,} rows, at most {-(-rows // job.rows_per_shard):,} shards\n" if metadata_files else ""
    if None in counts:
        size = f"{rows:,} rows and those of {counts.count(None):,} text files, which are not counted beforehand\n"
    pace = f"{job.host_rate:g} requests a second" if job.host_rate else "no limit on the rate"
    to_host = f"{job.host_connections} connections a task" if job.host_connections else "no limit on connections"
    lines = [
        f"download: {len(metadata_files):,} metadata files, {len(tars):,} DataComp-DR tars -> {job.out}",
        f"{size}{job.threads} threads a task, {job.retries} retries, rounds: {job.rounds}",
        f"to one host: {to_host}, {pace}; robots.txt: {'kept to' if job.robots_txt else 'not asked for'}",
        f"X-Robots-Tag that is kept to: {', '.join(job.opt_out) or 'none'}",
    ]
    if job.allow_addresses:
        lines.append(f"addresses that are NOT REFUSED: {', '.join(job.allow_addresses)}")
    return "\n".join(lines)


def main(spark: SparkSession, job: DownloadJob, progress: Progress) -> str:
    """Runs the job and prints a summary."""
    report = run(spark, job, progress)
    uids = report["uids"]
    failed = ", ".join(f"{reason} {count:,}" for reason, count in uids["failed"].items()) or "none"
    before = ", ".join(f"{reason} {count:,}" for reason, count in report["input_rows"]["rejected"].items()) or "none"
    lines = [
        f"{job.out}: {uids['success']:,} images of {uids['read']:,} URLs, {report['image_bytes']:,} bytes",
        f"failed: {failed}; unaccounted: {uids['unaccounted']}",
        f"input rows not tried: {before}; hashes: {report['hashes'] or 'none to compare'}",
        f"report: {files.join(job.out, PAGE)}",
    ]
    if uids["may_pass"]:
        more = report["rounds"] + 1
        lines.append(f"{uids['may_pass']:,} failures may pass: set `rounds: {more}` and run again to try only those")
    return "\n".join(lines)


def _sweep(out: str) -> None:
    """Remove what a finished download needs no more; plan and receipts stay, for a later run with more rounds."""
    for name in ("extracted", "tmp"):
        files.remove_tree(files.join(out, STAGING, name))
    for uri in files.list_files(files.join(out, STAGING, join.STAGE)):
        if uri.endswith(".parquet"):
            files.remove(uri)


def _expand(patterns: Sequence[str]) -> list[str]:
    return globs.expand(patterns) if patterns else []
