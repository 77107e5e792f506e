"""Says every ten seconds how far Spark's stages are, while a job shows nothing of its own.

Tasks of `engine.tasks` report for themselves. Queries do not: choosing documents or pictures takes minutes of them.
Where no stage runs, the driver is at work: it plans a query, or reads receipts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from common.heartbeat import EVERY_S, eta
from dataprep.engine.progress import Progress


@contextmanager
def heard(spark: SparkSession, progress: Progress, every: float = EVERY_S) -> Iterator[None]:
    """While the block runs, say how far Spark is whenever `progress` has said nothing for `every` seconds."""
    over = threading.Event()
    tracker = spark.sparkContext.statusTracker()
    began: dict[int, float] = {}

    def beat() -> None:
        idle = time.monotonic()
        while not over.wait(every / 4):
            try:
                found = [info for stage in tracker.getActiveStageIds() if (info := tracker.getStageInfo(stage))]
            except Exception:  # the session ends meanwhile; the job itself says why
                return
            for info in found:
                began.setdefault(info.stageId, time.monotonic())
                idle = time.monotonic()
            if progress.silent_for() < every:
                continue
            if not found:
                progress.say(f"working: the driver, {time.monotonic() - idle:.0f} s since Spark's last stage")
            else:
                info = found[0]
                seconds = time.monotonic() - began[info.stageId]
                left = info.numTasks - info.numCompletedTasks
                progress.say(
                    f"working: {info.numCompletedTasks}/{info.numTasks} tasks of a query's stage, {seconds:.0f} s, "
                    f"ETA {eta(left, info.numCompletedTasks, seconds)}"
                )

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
