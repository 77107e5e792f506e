"""Shuffled through Spark or gathered from local files: the same shards."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from dataprep.engine.tasks import Task
from dataprep.text import window_shuffle
from dataprep.text.token_stream import Reader, TokenStream, Windows, shard_bounds, shuffle_key


@pytest.mark.parametrize("missing", [slice(None), slice(1, None, 2)])
def test_every_missing_shard_gets_its_samples(
    spark: SparkSession, tmp_path: Path, missing: slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, length = (700, 0, 3, 1500, 96), 16
    ids = np.arange(2, 2 + sum(counts), dtype=np.uint16)
    parts = np.split(ids, np.cumsum(counts)[:-1])
    for number, part in enumerate(parts):
        (tmp_path / f"{number}.bin").write_bytes(part.tobytes())
    uris = tuple(str(tmp_path / f"{number}.bin") for number in range(len(counts)))
    windows = Windows(TokenStream(uris, counts, "uint16"), length, 1, shuffle_key(3, "train"))
    bounds = shard_bounds(windows.count, 13).tolist()
    tasks = [Task(f"{n}", (n, low, high)) for n, (low, high) in enumerate(pairwise(bounds))]
    monkeypatch.setattr(window_shuffle, "GROUP_BYTES", 13 * length * 2 * 3)  # three shards in a group
    monkeypatch.setattr(window_shuffle, "CHUNK_BYTES", 10 * length * 2)
    found = window_shuffle.deliver(spark.sparkContext, tasks[missing], windows=windows).collect()
    assert [task.name for task in found] == [task.name for task in tasks[missing]]
    with Reader(uris) as reader:
        for task, (_, low, high) in zip(found, (task.payload for task in tasks[missing]), strict=True):
            number, matrix = task.payload
            assert number == int(task.name)
            np.testing.assert_array_equal(matrix, windows.gather(windows.at(np.arange(low, high)), reader))
