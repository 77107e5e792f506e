"""Processes of the pairs job die in the middle of it; what comes out is byte-identical to an undisturbed run's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dataprep.pairs.config import PairsJob
from dataprep.pairs.job import run
from dataprep.tar.write import write_tar
from dataprep.verify import verify
from tests.helpers.folders import tree
from tests.helpers.killing import LIMIT_S, kill_executor, kill_tree, receipts, submit, wait_for, working

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def calm(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes], tokenizer_dir: Path
) -> dict[str, Any]:
    """Settings of a job over eight tars, two stages long; its `out` was made by a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("killed")
    pictures = [picture(seed, "PNG", (800, 600)) for seed in range(8)]  # these take long to decode
    for tar in range(8):
        members = []
        for n in range(30):
            meta = {"uid": f"{tar}.{n}", "caption": f"caption {tar} {n}", "url": "http://a.example/"}
            members += [(f"{n}.png", pictures[n % 8]), (f"{n}.json", json.dumps(meta).encode())]
        with open(folder / f"{tar}.tar", "wb") as out:
            write_tar(out, members)
    base = {"inputs": str(folder / "*.tar"), "out": str(folder / "calm"), "tokenizer": str(tokenizer_dir)}
    shape = {"seq_len": 64, "geometry": {"size": 32, "patch": 16}, "shard_bytes": 1 << 20}
    settings = {**base, **shape, "where": "uid <> '3.7'", "held_out": 0.3}
    run(spark, PairsJob.model_validate(settings))
    assert verify(settings["out"])[1] == []
    return settings


def test_an_executor_is_killed(calm: dict[str, Any]) -> None:
    out = Path(calm["out"]).with_name("executor")
    with submit("pairs", {**calm, "out": str(out)}, "local-cluster[2,1,1024]") as process:
        wait_for(process, lambda: receipts(out, "pairs") >= 1 and working(out, "pairs"))
        kill_executor(process)
        assert process.wait(LIMIT_S) == 0
    assert tree(out) == tree(Path(calm["out"]))


def test_the_driver_is_killed_twice(calm: dict[str, Any]) -> None:
    out = Path(calm["out"]).with_name("driver")
    settings = {**calm, "out": str(out)}
    with submit("pairs", settings, "local[2]") as process:
        wait_for(process, lambda: receipts(out, "survey") >= 1 and working(out, "survey"))
        kill_tree(process)
    with submit("pairs", settings, "local[1]") as process:
        wait_for(process, lambda: receipts(out, "pairs") >= 1)
        kill_tree(process)
    assert not (out / "manifest.json").exists()
    with submit("pairs", settings, "local[3]") as process:
        assert process.wait(LIMIT_S) == 0
    assert tree(out) == tree(Path(calm["out"]))
