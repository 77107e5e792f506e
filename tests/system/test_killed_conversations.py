"""The driver of the conversations job dies in the middle of it; the bytes are those of an undisturbed run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.job import run
from tests.helpers.folders import tree
from tests.helpers.killing import LIMIT_S, kill_tree, receipts, submit, wait_for

pytestmark = pytest.mark.soak


def test_the_driver_is_killed(
    spark: SparkSession, tmp_path: Path, picture: Callable[..., bytes], tokenizer_dir: Path
) -> None:
    for seed in range(8):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed, "PNG", (800, 600)))
    turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "That."}]
    rows = [{"id": f"{n}", "image": f"{n % 8}.jpg", "conversations": turns} for n in range(240)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    base = {"inputs": str(tmp_path / "rows.json"), "image_root": str(tmp_path), "tokenizer": str(tokenizer_dir)}
    shape = {
        "seq_len": 96,
        "geometry": {"size": 32, "patch": 16},
        "rows_per_task": 30,
        "shard_bytes": 1 << 20,
        "held_out": 0.3,
    }
    settings = {**base, **shape, "out": str(tmp_path / "killed")}
    with submit("conversations", settings, "local[2]") as process:
        wait_for(process, lambda: receipts(tmp_path / "killed", "conversations") >= 2)
        kill_tree(process)
    assert not (tmp_path / "killed/manifest.json").exists()
    with submit("conversations", settings, "local[3]") as process:
        assert process.wait(LIMIT_S) == 0
    run(spark, ConversationsJob.model_validate({**settings, "out": str(tmp_path / "calm")}))
    assert tree(tmp_path / "killed") == tree(tmp_path / "calm")
