"""A query that takes long is heard of, with how far it is."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dataprep.engine.heartbeat import heard
from dataprep.engine.progress import Progress, Tally

LIMIT_S = 120


@pytest.mark.slow
def test_a_query_is_heard_of_and_a_stage_that_is_shown_is_not(spark: SparkSession, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")

    def wait(rows: Iterator[int]) -> Iterator[int]:
        deadline = time.monotonic() + LIMIT_S
        while not Path(gate).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield from rows

    progress = Progress(stream=io.StringIO())
    query = threading.Thread(target=lambda: spark.sparkContext.parallelize(range(4), 4).mapPartitions(wait).collect())
    with heard(spark, progress, every=0.2):
        query.start()
        deadline = time.monotonic() + LIMIT_S
        while "working: " not in progress.stream.getvalue() and time.monotonic() < deadline:  # type: ignore[attr-defined]
            time.sleep(0.05)
        Path(gate).touch()
        query.join(LIMIT_S)
        while "the driver" not in progress.stream.getvalue() and time.monotonic() < deadline:  # type: ignore[attr-defined]
            time.sleep(0.05)
    said = progress.stream.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"^working: 0/4 tasks of a query's stage, \d+ s, ETA \?\n", said, re.MULTILINE), said
    assert re.search(r"^working: the driver, \d+ s since Spark's last stage\n", said, re.MULTILINE), said


def test_silence_is_counted_from_what_was_said_last_and_not_while_a_stage_is_shown() -> None:
    progress = Progress(stream=io.StringIO())
    progress._said -= 30
    assert progress.silent_for() >= 30
    progress.say("a line")
    assert progress.silent_for() < 30
    with progress.stage("pack", 2, 0) as show:
        progress._said -= 30
        show(Tally(1))
        assert progress.silent_for() == 0
    assert progress.silent_for() < 30
