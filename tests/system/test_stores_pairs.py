"""Pairs from a server on loopback (S3, or HDFS: soak) to it, and a takedown there: the same bytes as on local disk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dataprep.image_text.run import run_job
from dataprep.image_text.settings import task_spec
from dataprep.pairs.config import PairsJob
from dataprep.pairs.job import run
from dataprep.provenance import row_parts
from dataprep.storage import files
from dataprep.takedown.remove import remove
from dataprep.takedown.request import Request
from dataprep.tar.write import write_tar
from dataprep.verify import verify
from schemas.manifest import InputFile
from tests.helpers.commands import ROOT, command_environment

pytestmark = pytest.mark.slow


def shards_of(out: str) -> dict[str, bytes]:
    names = [name for name in files.list_files(out) if ".mds" in name or name.endswith("index.json")]
    return {name.removeprefix(out): files.read_bytes(name) for name in names}


@pytest.fixture(params=["bucket", pytest.param("hdfs", marks=pytest.mark.soak)])
def store(request: pytest.FixtureRequest) -> str:
    """URI of a bucket or a folder."""
    found: str = request.getfixturevalue(request.param)
    return found


def test_from_store_to_store_and_a_takedown_there(
    spark: SparkSession, store: str, tmp_path: Path, tokenizer_dir: Path, picture: Callable[..., bytes]
) -> None:
    for tar in range(2):
        members: list[tuple[str, bytes]] = []
        for n in range(20):
            meta = {"uid": f"{tar}.{n}", "url": f"http://a.example/{tar}/{n}", "caption": f"caption {n}"}
            members += [(f"{n}.jpg", picture(20 * tar + n)), (f"{n}.json", json.dumps(meta).encode())]
        with open(tmp_path / f"{tar}.tar", "wb") as out:
            write_tar(out, members)
        files.publish_bytes((tmp_path / f"{tar}.tar").read_bytes(), f"{store}/in/{tar}.tar")
    (tmp_path / "uids.txt").write_text("0.3\n")
    files.publish_bytes(b"0.3\n", f"{store}/in/uids.txt")
    made: dict[str, dict[str, bytes]] = {}
    for place in (str(tmp_path), store):
        folder = place if place == str(tmp_path) else f"{place}/in"
        settings: dict[str, Any] = {"inputs": f"{folder}/*.tar", "out": f"{place}/out"}
        settings |= {"banned": {"uids": f"{folder}/uids.txt"}}
        settings |= {"tokenizer": str(tokenizer_dir), "seq_len": 64, "geometry": {"size": 32, "patch": 16}}
        settings |= {"shard_bytes": 1 << 14, "where": "uid <> '1.7'"}
        if place == store:  # executors get their environment when the JVM starts: a process of its own
            (tmp_path / "job.yaml").write_text(json.dumps(settings))
            command = [sys.executable, str(ROOT / "dataprep/jobs/pairs.py"), str(tmp_path / "job.yaml")]
            done = subprocess.run(command, env=command_environment(), timeout=200, check=False, capture_output=True)
            assert done.returncode == 0, done.stderr
        else:
            run(spark, PairsJob.model_validate(settings))
        manifest, problems = verify(settings["out"])
        assert problems == []
        assert manifest.rows.rejected == {"banned_uid": 1, "where": 1}
        assert row_parts.why(settings["out"], 0)[0]["url"].startswith("http://a.example/")
        before = shards_of(settings["out"])
        remove(settings["out"], Request(uids=frozenset(["0.5", "1.5"])), date="2026-01-02")
        manifest, problems = verify(settings["out"])
        assert problems == []
        assert manifest.rows.written == 36
        assert sorted(name for name in files.list_files(settings["out"]) if ".switchpoint" in name) == [
            f"{settings['out']}/.switchpoint/plan.json"
        ]
        again, plan = PairsJob.model_validate(settings), files.read_json(f"{settings['out']}/.switchpoint/plan.json")
        inputs, spec = [InputFile.model_validate(one) for one in plan["inputs"]], task_spec(again, masked=False)
        outcome = run_job(spark, again, "pairs", inputs, spec, [], lambda *_: {})
        assert (outcome.resumed, outcome.manifest) == ("finished", manifest), "a finished dataset is left alone"
        made[place] = {**before, **{f"after {name}": data for name, data in shards_of(settings["out"]).items()}}
    assert made[store] == made[str(tmp_path)]
    assert sum(made[store][f"after {name}"] != data for name, data in before.items()) >= 3
