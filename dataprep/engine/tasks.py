"""Executes a stage's tasks on the executors, each of them effectively once, whatever dies and however often.

The argument: a task's bytes are a pure function of the plan (no clock, no attempt number, no cluster size), and its
files have deterministic names. So an attempt may run twice, at the same time even: both publish the same bytes under
the same name, each atomically. After its files a task publishes its receipt (JSON) under
`OUT/.switchpoint/<stage>/<task>.json`; a receipt therefore vouches for files that are complete. A later run asks only
for receipts and runs what has none. Index and manifest are assembled from receipts, never from directory listings,
so whatever a killed attempt left behind cannot get into the dataset; it lies under `.switchpoint/` and is swept.

Files of the dataset are on disk before their receipt is: it vouches for them after a power cut too. Files that only
the next stage reads are not waited for (most are swept before the disk has seen them); the receipt carries their size
and digest instead, and a later run that finds it checks both before it relies on them.

One Spark partition per task keeps failure and retry at the granularity of a task. Where storage fails (`StorageError`)
the attempt is repeated here, after a pause: Spark would repeat it at once, and under `local[N]` not at all.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark import RDD, Accumulator, InheritableThread, SparkContext, SparkFiles
from pyspark.sql import SparkSession

from common import resources
from common.errors import InputError, ResourceError, StorageError
from common.process import end_with_parent
from dataprep.engine import disk_need
from dataprep.engine.paths import STAGING, TEMPORARY
from dataprep.engine.progress import Progress, Tally, TallyParam
from dataprep.engine.task_workspace import Intermediate, Scratch
from dataprep.storage import files, fingerprint

PAUSES_S = (5, 20, 60)
"""Seconds before a task is tried again whose storage has failed: a DataNode that restarts, a NameNode in safe mode."""
INTERMEDIATES = "intermediates"
"""Key of a receipt's `Intermediate`s."""
Receipt = dict[str, Any]
"""JSON object; keys `rows` and `tokens`, where present, feed the progress line."""


@dataclass(frozen=True)
class Task:
    """One unit of work. `name` is a file name, unique in its stage; `payload` is picklable and small."""

    name: str
    payload: Any


Work = Callable[[Any, Scratch], Receipt]
Deliver = Callable[[SparkContext, list[Task]], "RDD[Task]"]


def receipts_of(out: str, stage: str) -> dict[str, Receipt]:
    """Receipts of the tasks of `stage` that are done, by task name."""
    root = files.join(out, STAGING, stage)
    done = [uri for uri in files.list_files(root) if uri.endswith(".json") and not files.basename(uri).startswith(".")]
    with ThreadPoolExecutor(16) as pool:
        names = [files.basename(uri).removesuffix(".json") for uri in done]
        return dict(zip(names, pool.map(files.read_json, done), strict=True))


def run_tasks(
    spark: SparkSession,
    tasks: Sequence[Task],
    work: Work,
    *,
    out: str,
    stage: str,
    progress: Progress | None = None,
    deliver: Deliver | None = None,
) -> list[Receipt]:
    """Run `work(payload, scratch)` for every task without a receipt; return all receipts in task order.

    Args:
        work: importable on the executors (a module-level function, or a `functools.partial` of one).
        out: the dataset's root, as `files.absolute` gives it; `plan.begin` must have claimed it.
        stage: names the receipts' folder.
        progress: where to show progress; None is silent.
        deliver: brings the missing tasks to the executors, where their data has to be shuffled together first.

    Raises:
        InputError: raised by `work` on an executor; the stage is stopped.
    """
    names = [task.name for task in tasks]
    if bad := [name for name in names if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name)]:
        raise ValueError(f"not usable as task names: {bad[:3]}")
    if len(set(names)) != len(names):
        raise ValueError("task names are not unique")
    done = _intact(spark, out, receipts_of(out, stage))
    missing = [task for task in tasks if task.name not in done]
    if missing:
        run = functools.partial(_attempt, work=work, out=out, stage=stage)
        delivered = (deliver or _one_partition_each)(spark.sparkContext, missing)
        done |= _run_on_spark(delivered, len(missing), run, out, stage, len(tasks), progress)
        _check_shared(out, stage, missing[-1].name)
    return [done[name] for name in names]


def _intact(spark: SparkSession, out: str, done: dict[str, Receipt]) -> dict[str, Receipt]:
    """The receipts of an earlier run whose intermediate files are what they were."""
    kept = {name: receipt[INTERMEDIATES] for name, receipt in done.items() if receipt.get(INTERMEDIATES)}
    if not kept:
        return done
    check = functools.partial(_is_damaged, out=out)
    rdd = spark.sparkContext.parallelize(sorted(kept.items()), len(kept))
    damaged = set(rdd.filter(check).keys().collect())
    return {name: receipt for name, receipt in done.items() if name not in damaged}


def _is_damaged(task: tuple[str, list[Intermediate]], *, out: str) -> bool:
    for name, length, digest in task[1]:
        uri = files.join(out, name)
        if not files.exists(uri) or files.size(uri) != length or fingerprint.digest(uri) != digest:
            return True
    return False


def _one_partition_each(context: SparkContext, tasks: list[Task]) -> RDD[Task]:
    return context.parallelize(tasks, len(tasks))


def _run_on_spark(
    delivered: RDD[Task],
    missing: int,
    run: Callable[[Task], Receipt],
    out: str,
    stage: str,
    total: int,
    progress: Progress | None,
) -> dict[str, Receipt]:
    context = delivered.context
    tally = context.accumulator(Tally(), TallyParam())
    jobs = delivered.mapPartitions(functools.partial(_partition, run=run, tally=tally))
    before = disk_need.used(out)
    group, results, failures = f"{stage}-{uuid.uuid4().hex}", dict[str, Receipt](), list[BaseException]()

    def collect() -> None:
        context.setJobGroup(group, stage, interruptOnCancel=True)
        try:
            results.update(jobs.collect())
        except BaseException as error:
            failures.append(error)

    thread = InheritableThread(target=collect, daemon=True)
    shown = progress.stage(stage, total, total - missing) if progress else contextlib.nullcontext(lambda tally: None)
    with shown as show:
        thread.start()
        try:
            while thread.is_alive() and not tally.value.errors:
                thread.join(0.1)
                show(tally.value)
        finally:
            if thread.is_alive():
                context.cancelJobGroup(group)
                thread.join(30)
    if tally.value.errors:
        said = dict(tally.value.errors[0])
        if said.pop("is_room", False):
            said["remedy"] = f"{disk_need.needed(out, before, tally.value.tasks, missing)}; {said['remedy']}"
        raise InputError(**said)
    if failures:
        raise failures[0]
    return results


def _partition(tasks: Iterator[Task], *, run: Callable[[Task], Receipt], tally: Accumulator[Tally]) -> Iterator[Any]:
    """Executor side: user errors are reported rather than raised, or Spark would repeat the task three times."""
    _end_with_daemon()
    for task in tasks:
        try:
            receipt = _patiently(run, task)
        except InputError as error:
            where = {"file": error.file and str(error.file), "line": error.line, "field": error.field}
            tally.add(Tally(errors=({"problem": error.problem, "remedy": error.remedy, **where},)))
            continue
        except ResourceError as error:
            about = {"problem": error.problem, "remedy": error.remedy, "file": error.file, "is_room": error.is_room}
            tally.add(Tally(errors=(about,)))
            continue
        tally.add(Tally(1, int(receipt.get("rows", 0)), int(receipt.get("tokens", 0))))
        yield task.name, receipt


def _end_with_daemon() -> None:
    """Have this worker end with Spark's daemon that forked it: alone it would go on, and write, until its task ends.

    A worker that a thread of the JVM has started is left alone: the kernel would end it with that thread.
    """
    with contextlib.suppress(OSError):
        if b"pyspark.daemon" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes():
            end_with_parent(signal.SIGKILL)


def _patiently(run: Callable[[Task], Receipt], task: Task) -> Receipt:
    for pause in PAUSES_S:
        try:
            return run(task)
        except ResourceError:  # a pause makes no room
            raise
        except StorageError:
            time.sleep(pause)
    try:
        return run(task)
    except ResourceError:
        raise
    except StorageError as error:
        remedy = "run the job again when it answers: what is done stays done"
        raise InputError(f"storage fails ({error.problem})", file=error.file, remedy=remedy) from None


def _attempt(task: Task, *, work: Work, out: str, stage: str) -> Receipt:
    """One attempt: work in a fresh directory, publish, then write the receipt."""
    parent = os.path.join(out, TEMPORARY) if files.is_local(out) else SparkFiles.getRootDirectory()
    with resources.named(parent):
        os.makedirs(parent, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f"{stage}-{task.name}-", dir=parent))
        try:
            scratch = Scratch(out, directory)
            receipt = work(task.payload, scratch)
            if scratch.intermediates:
                receipt[INTERMEDIATES] = scratch.intermediates
            files.publish_bytes(files.to_json(receipt), files.join(out, STAGING, stage, f"{task.name}.json"))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    return receipt


def _check_shared(out: str, stage: str, name: str) -> None:
    if not files.exists(files.join(out, STAGING, stage, f"{name}.json")):
        raise InputError(
            "the executors wrote to a disk that the driver does not see",
            file=out,
            remedy="use an `out` that all machines share (s3://, gs://, hdfs:// or a network file system)",
        )
