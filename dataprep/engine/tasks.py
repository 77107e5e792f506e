"""Executes a stage's tasks on the executors, each of them effectively once, whatever dies and however often.

The argument: a task's bytes are a pure function of the plan (no clock, no attempt number, no cluster size), and its
files have deterministic names. So an attempt may run twice, at the same time even: both publish the same bytes under
the same name, each atomically. After its files a task publishes its receipt (JSON) under
`OUT/.switchpoint/<stage>/<task>.json`; a receipt therefore vouches for files that are complete. A later run asks only
for receipts and runs what has none. Index and manifest are assembled from receipts, never from directory listings,
so whatever a killed attempt left behind cannot get into the dataset; it lies under `.switchpoint/` and is swept.

Files of the dataset are on disk before their receipt is: it vouches for them after a power cut too, and may be lost in
one itself. Files that only the next stage reads are not waited for (most are swept before the disk has seen them); the
receipt carries their size and digest instead, and a later run that finds it checks both before it relies on them.

A Spark partition holds one task, or several with small inputs, which keeps failure and retry near the granularity of
a task. Where storage fails (`StorageError`) the attempt is repeated here, after a pause: Spark would repeat it at once,
and under `local[N]` not at all.
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
from typing import Any, TypeVar

import orjson
from pyspark import RDD, Accumulator, InheritableThread, SparkContext, SparkFiles
from pyspark.sql import SparkSession

from common import resources
from common.errors import InputError, ResourceError, StorageError
from common.process import end_with_parent
from dataprep.engine import disk_need
from dataprep.engine.checksums import PUBLISHED
from dataprep.engine.paths import STAGING, TEMPORARY
from dataprep.engine.progress import Progress, Tally, TallyParam
from dataprep.engine.task_workspace import Intermediate, Scratch
from dataprep.storage import files, fingerprint

ResultT = TypeVar("ResultT")
_sleep = time.sleep
PAUSES_S = (5, 20, 60)
"""Seconds before a task is tried again whose storage has failed: a DataNode that restarts, a NameNode in safe mode."""
SHARED_BYTES, SHARED_TASKS = 16 << 20, 64
"""At most so much input, and so many tasks, share a Spark task, whose own cost is that of a file of some kilobytes."""
INTERMEDIATES = "intermediates"
"""Key of a receipt's `Intermediate`s."""
Receipt = dict[str, Any]
"""JSON object; keys `rows` and `tokens`, where present, feed the progress line."""


@dataclass(frozen=True)
class Task:
    """One unit of work. `name` is a file name, unique in its stage; `payload` is picklable and small."""

    name: str
    payload: Any
    bytes: int | None = None
    """Of its input: small ones share a Spark task. None has a Spark task of its own."""


_TOGETHER_S = 2.0
"""Seconds of finished work, about, that a kill may cost: so long receipts wait for one another."""
_Done = tuple[str, Receipt, list[str]]
"""A task's name, its receipt, and its files that are not on disk yet."""
Work = Callable[[Any, Scratch], Receipt]
Deliver = Callable[[SparkContext, list[Task]], "RDD[Task]"]


def receipts_of(out: str, stage: str) -> dict[str, Receipt]:
    """Receipts of the tasks of `stage` that are done, by task name."""
    root = files.join(out, STAGING, stage)
    done = [uri for uri in files.list_files(root) if uri.endswith(".json") and not files.basename(uri).startswith(".")]
    with ThreadPoolExecutor(16) as pool:
        names = [files.basename(uri).removesuffix(".json") for uri in done]
        found = dict(zip(names, pool.map(_read_receipt, done), strict=True))
    return {name: receipt for name, receipt in found.items() if receipt is not None}


def _read_receipt(uri: str) -> Receipt | None:
    """Reads a receipt; None for one that a power cut has emptied: its task is done again."""
    try:
        receipt = orjson.loads(files.read_bytes(uri))
    except orjson.JSONDecodeError:
        return None
    return receipt if isinstance(receipt, dict) else None


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
        run = _Attempts(work, out, stage)
        delivered = (deliver or _shared_out)(spark.sparkContext, missing)
        done |= _run_on_spark(delivered, len(missing), run, out, stage, len(tasks), progress)
        _check_shared(out, stage, missing[-1].name)
    return [done[name] for name in names]


def _intact(spark: SparkSession, out: str, done: dict[str, Receipt]) -> dict[str, Receipt]:
    """The receipts of an earlier run whose intermediate files are what they were."""
    kept = {name: receipt[INTERMEDIATES] for name, receipt in done.items() if receipt.get(INTERMEDIATES)}
    if not kept:
        return done
    check = functools.partial(_is_damaged, out=out)
    context = spark.sparkContext
    rdd = context.parallelize(sorted(kept.items()), min(len(kept), 64 * context.defaultParallelism))
    damaged = set(rdd.filter(check).keys().collect())
    return {name: receipt for name, receipt in done.items() if name not in damaged}


def _is_damaged(task: tuple[str, list[Intermediate]], *, out: str) -> bool:
    for name, length, digest in task[1]:
        uri = files.join(out, name)
        if not files.exists(uri) or files.size(uri) != length or fingerprint.digest(uri) != digest:
            return True
    return False


def _shared_out(context: SparkContext, tasks: list[Task]) -> RDD[Task]:
    groups = shared(tasks, 4 * context.defaultParallelism)
    return context.parallelize(groups, len(groups)).flatMap(list)


def shared(tasks: Sequence[Task], least: int) -> list[list[Task]]:
    """Neighbours that share a Spark task, in order: by the bytes of their inputs, in `least` groups where there may be.

    Each keeps its own receipt.
    """
    room = min(SHARED_BYTES, sum(task.bytes or 0 for task in tasks) // least)
    count = min(SHARED_TASKS, -(-len(tasks) // least))
    groups, used = list[list[Task]](), 0
    for task in tasks:
        if task.bytes is None or not groups or len(groups[-1]) == count or used + task.bytes > room:
            groups.append([])
            used = 0
        groups[-1].append(task)
        used = room + 1 if task.bytes is None else used + task.bytes
    return groups


def _run_on_spark(
    delivered: RDD[Task],
    missing: int,
    run: _Attempts,
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
            found = jobs.collect()
            while found:  # by orjson, which has the names of keys once for all receipts
                name, receipt = found.pop()
                results[name] = orjson.loads(receipt)
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


def _partition(tasks: Iterator[Task], *, run: _Attempts, tally: Accumulator[Tally]) -> Iterator[Any]:
    """Runs tasks on an executor; those that end shortly after one another get their receipts together."""
    _end_with_daemon()
    done, since = list[_Done](), 0.0
    for task in tasks:
        since = since if done else time.monotonic()
        with _reported(tally):
            done.append(_patiently(functools.partial(run.work_on, task)))
        if len(done) == SHARED_TASKS or time.monotonic() - since > _TOGETHER_S:
            yield from _vouched(done, run, tally)
            done = []
    yield from _vouched(done, run, tally)


def _vouched(done: list[_Done], run: _Attempts, tally: Accumulator[Tally]) -> Iterator[tuple[str, bytes]]:
    """Publishes the receipts, and gives each as the JSON that a later run would read."""
    with _reported(tally):
        _patiently(functools.partial(run.vouch_for, done))
        for name, receipt, _ in done:
            tally.add(Tally(1, int(receipt.get("rows", 0)), int(receipt.get("tokens", 0))))
            yield name, files.to_json(receipt)


@contextlib.contextmanager
def _reported(tally: Accumulator[Tally]) -> Iterator[None]:
    """Report users' errors rather than raise them, or Spark would repeat the task three times."""
    try:
        yield
    except InputError as error:
        where = {"file": error.file and str(error.file), "line": error.line, "field": error.field}
        tally.add(Tally(errors=({"problem": error.problem, "remedy": error.remedy, **where},)))
    except ResourceError as error:
        about = {"problem": error.problem, "remedy": error.remedy, "file": error.file, "is_room": error.is_room}
        tally.add(Tally(errors=(about,)))


def _end_with_daemon() -> None:
    """Have this worker end with Spark's daemon that forked it: alone it would go on, and write, until its task ends.

    A worker that a thread of the JVM has started is left alone: the kernel would end it with that thread.
    """
    with contextlib.suppress(OSError):
        if b"pyspark.daemon" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes():
            end_with_parent(signal.SIGKILL)


def _patiently(run: Callable[[], ResultT]) -> ResultT:
    for pause in PAUSES_S:
        try:
            return run()
        except ResourceError:  # a pause makes no room
            raise
        except StorageError:
            _sleep(pause)
    try:
        return run()
    except ResourceError:
        raise
    except StorageError as error:
        remedy = "run the job again when it answers: what is done stays done"
        raise InputError(f"storage fails ({error.problem})", file=error.file, remedy=remedy) from None


@dataclass(frozen=True)
class _Attempts:
    """Attempts at the tasks of a stage."""

    work: Work
    out: str
    stage: str

    def work_on(self, task: Task) -> _Done:
        """Work in a fresh directory, and publish."""
        parent = os.path.join(self.out, TEMPORARY) if files.is_local(self.out) else SparkFiles.getRootDirectory()
        with resources.named(parent):
            os.makedirs(parent, exist_ok=True)
            directory = Path(tempfile.mkdtemp(prefix=f"{self.stage}-{task.name}-", dir=parent))
            try:
                scratch = Scratch(self.out, directory)
                receipt = self.work(task.payload, scratch)
            finally:
                shutil.rmtree(directory, ignore_errors=True)
        if scratch.intermediates:
            receipt[INTERMEDIATES] = scratch.intermediates
        if scratch.published:
            receipt[PUBLISHED] = scratch.published
        return task.name, receipt, scratch.unflushed

    def vouch_for(self, done: list[_Done]) -> None:
        """Publish receipts, once all that they vouch for is on disk.

        They themselves need not be: a receipt that a power cut takes away costs its task, once more.
        """
        with resources.named(self.out):
            files.flush([uri for _, _, unflushed in done for uri in unflushed])
            for name, receipt, _ in done:
                place = files.join(self.out, STAGING, self.stage, f"{name}.json")
                files.publish_bytes(files.to_json(receipt), place, durable=False)


def _check_shared(out: str, stage: str, name: str) -> None:
    if not files.exists(files.join(out, STAGING, stage, f"{name}.json")):
        raise InputError(
            "the executors wrote to a disk that the driver does not see",
            file=out,
            remedy="use an `out` that all machines share (s3://, gs://, hdfs:// or a network file system)",
        )
