"""The text job from and to a real HDFS: its driver is killed, a DataNode restarts, and not a byte differs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streaming import StreamingDataset

from dataprep import verify
from dataprep.engine.paths import STAGING
from dataprep.engine.tasks import receipts_of
from dataprep.storage import files
from tests.helpers.commands import ROOT, command_environment
from tests.helpers.folders import tree
from tests.helpers.hadoop import Hadoop
from tests.helpers.killing import LIMIT_S, kill_tree, submit, wait_for
from tests.system.test_killed_text import finish, prepare, settings

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path, hadoop: Hadoop) -> Path:
    """Inputs here and on HDFS, and the dataset `calm` of an undisturbed run on local disk."""
    folder = tmp_path_factory.mktemp("text-hdfs")
    prepare(folder, tokenizer_dir)
    for path in (folder / "in").iterdir():
        files.publish_bytes(path.read_bytes(), f"{hadoop.uri}/in/{path.name}")
    finish(folder, "calm", "local[1]")
    return folder


def on_hdfs(folder: Path, hadoop: Hadoop, out: str) -> dict[str, Any]:
    return {**settings(folder, out), "inputs": f"{hadoop.uri}/in/*.zst", "out": f"{hadoop.uri}/{out}"}


def data(folder: Path) -> dict[str, bytes]:
    """What does not name the inputs' places: shards and their indexes."""
    return {name: content for name, content in tree(folder).items() if ".mds" in name or name.endswith("index.json")}


def same_as_calm(uri: str, prepared: Path, copy: Path) -> None:
    assert verify.verify(uri)[1] == []
    for name in files.list_files(uri):
        path = copy / name.removeprefix(f"{uri}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.read_bytes(name))
    assert data(copy) == data(prepared / "calm")
    assert tree(copy).keys() == tree(prepared / "calm").keys()
    ours, calm = (
        StreamingDataset(local=str(folder), shuffle=False, batch_size=1) for folder in (copy, prepared / "calm")
    )
    assert len(ours) == len(calm) > 100
    assert all(np.array_equal(ours[place]["tokens"], calm[place]["tokens"]) for place in range(len(calm)))


def test_the_driver_is_killed(prepared: Path, hadoop: Hadoop, tmp_path: Path) -> None:
    job = on_hdfs(prepared, hadoop, "driver")
    for stage in ("tokenize", "shards-train"):
        with submit("text", job, "local-cluster[2,1,1024]", tmp_path / "job.yaml") as process:
            wait_for(process, lambda stage=stage: len(receipts_of(job["out"], stage)) >= 1)
            kill_tree(process)
        assert not files.exists(f"{job['out']}/manifest.json")
    with submit("text", job, "local[2]", tmp_path / "job.yaml") as process:
        assert process.wait(LIMIT_S) == 0
    same_as_calm(job["out"], prepared, tmp_path / "copy")
    assert [name for name in files.list_files(job["out"]) if STAGING in name] == [f"{job['out']}/{STAGING}/plan.json"]
    why = [sys.executable, "-m", "dataprep", "why", job["out"], "7"]
    told = subprocess.run(why, cwd=ROOT, env=command_environment(), capture_output=True, text=True, timeout=100)
    assert f"{hadoop.uri}/in/" in told.stdout, told.stderr


def test_the_datanode_restarts_under_a_job(prepared: Path, hadoop: Hadoop, tmp_path: Path) -> None:
    job = on_hdfs(prepared, hadoop, "restart")
    with submit("text", job, "local[2]", tmp_path / "job.yaml") as process:
        wait_for(process, lambda: len(receipts_of(job["out"], "tokenize")) >= 1)
        hadoop.datanode.kill()
        hadoop.datanode.wait()
        hadoop.start_datanode()
        assert process.wait(LIMIT_S) == 0
    same_as_calm(job["out"], prepared, tmp_path / "copy")


def test_a_namenode_that_is_gone_is_one_line(prepared: Path, hadoop: Hadoop, tmp_path: Path) -> None:
    hadoop.namenode.kill()
    hadoop.namenode.wait()
    job = on_hdfs(prepared, hadoop, "gone")
    with submit("text", job, "local[1]", tmp_path / "job.yaml") as process:
        assert process.wait(LIMIT_S) == 2
    lines = (tmp_path / "job.log").read_text().splitlines()
    assert lines[-1].startswith(f"error: {hadoop.uri}/in: storage failed (Connection refused"), lines
    assert not any("Traceback" in line for line in lines)
    hadoop.start_namenode()
    hadoop.wait()
