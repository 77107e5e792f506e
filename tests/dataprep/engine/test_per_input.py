"""A decision over all inputs comes back to one task an input, however few partitions it went through."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession

from dataprep.engine import per_input
from dataprep.engine.paths import STAGING
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Task

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.slow
ROWS = [5, 0, 200, 1, 70, 3, 0, 9]
"""Rows of each input."""


def read(number: int) -> Iterator[pa.RecordBatch]:
    """Places in falling order: what is published is sorted."""
    places = pa.array(range(ROWS[number] - 1, -1, -1), pa.int64())
    yield pa.RecordBatch.from_arrays([pa.array([number] * len(places), pa.int32()), places], ["number", "place"])


def odd(surveyed: DataFrame) -> DataFrame:
    return surveyed.where("place % 2 = 1")


def publish(number: int, rows: per_input.Rows, scratch: Scratch) -> dict[str, Any]:
    scratch.publish_bytes(rows["place"].tobytes(), f"decided/{number}")
    return {"rows": len(rows)}


@pytest.mark.parametrize("part_rows", [1, 10**9])
def test_each_input_gets_its_own_rows_in_order(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    monkeypatch.setattr(per_input, "PART_ROWS", part_rows)
    tasks = [Task(f"{number:05}", number) for number in range(len(ROWS))]
    row = np.dtype([("place", np.int64)])
    where: dict[str, Any] = {"out": str(tmp_path), "stage": "decide", "progress": None}
    for again in (False, True):
        schema = "number int, place long"
        per_input.run(spark, tasks, sum(ROWS), read, schema, odd, row, publish, **where)
        for number, count in enumerate(ROWS):
            found = np.frombuffer((tmp_path / f"decided/{number}").read_bytes(), np.int64)
            assert found.tolist() == list(range(1, count, 2)), (number, again)
        for number in (2, 3):  # these alone are missing the second time
            (tmp_path / STAGING / f"decide/{number:05}.json").unlink()
            (tmp_path / f"decided/{number}").unlink()
