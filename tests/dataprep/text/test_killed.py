"""Processes die in the middle of a job; the dataset that comes out is byte-identical to an undisturbed run's.

The tokenizer is one that gigatoken does not support, so that tasks last long enough to be hit.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import zstandard

from dataprep.plan import STAGING

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 150


def prepare(folder: Path, tokenizer_dir: Path) -> None:
    parsed = json.loads((tokenizer_dir / "tokenizer.json").read_text())
    parsed["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(parsed))
    (folder / "in").mkdir()
    for file in range(6):
        rows = (json.dumps({"text": f"{file}.{line} the and thing " * 100}) for line in range(250))
        data = zstandard.ZstdCompressor().compress("\n".join(rows).encode())
        (folder / "in" / f"{file}.jsonl.zst").write_bytes(data)


def start(folder: Path, out: str, master: str) -> subprocess.Popen[bytes]:
    job = {"inputs": str(folder / "in/*.zst"), "out": str(folder / out), "tokenizer": str(folder / "tokenizer.json")}
    path = folder / f"{out}.yaml"
    path.write_text(json.dumps({**job, "seq_len": 128, "shard_bytes": 1 << 16}))
    submit = str(Path(sys.executable).parent / "spark-submit")
    command = [submit, "--master", master, str(ROOT / "dataprep/jobs/text.py"), str(path)]
    places = {"SPARK_LOCAL_IP": "127.0.0.1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **places}, start_new_session=True)


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(LIMIT_S) == 0


def wait_for(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert process.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def receipts(out: Path, stage: str) -> int:
    return len(list((out / STAGING / stage).glob("*.json")))


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the driver, its JVM, and their children, at once."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        member.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, 20)
    process.wait(20)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> Path:
    """Inputs, and the dataset `calm` of a run that nothing disturbed, on one core."""
    folder = tmp_path_factory.mktemp("killed")
    prepare(folder, tokenizer_dir)
    finish(start(folder, "calm", "local[1]"))
    return folder


def test_an_executor_is_killed(prepared: Path) -> None:
    process = start(prepared, "executor", "local-cluster[2,1,1024]")
    out = prepared / "executor"
    wait_for(process, lambda: receipts(out, "tokenize") >= 1 and any((out / STAGING / "tmp").glob("tokenize-*")))
    executors = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if any("CoarseGrainedExecutorBackend" in part for part in child.cmdline())
    ]
    assert len(executors) == 2
    executors[0].send_signal(signal.SIGKILL)
    finish(process)
    assert tree(out) == tree(prepared / "calm")


def test_the_driver_is_killed_twice(prepared: Path) -> None:
    out = prepared / "driver"
    process = start(prepared, "driver", "local[2]")
    wait_for(process, lambda: receipts(out, "tokenize") >= 2)
    kill_tree(process)
    assert not (out / "manifest.json").exists()
    done = receipts(out, "tokenize")

    process = start(prepared, "driver", "local[2]")
    wait_for(process, lambda: receipts(out, "shards-train") >= 3)
    kill_tree(process)
    assert receipts(out, "tokenize") == 6 > done
    assert not (out / "manifest.json").exists()

    finish(start(prepared, "driver", "local[3]"))
    assert tree(out) == tree(prepared / "calm")
