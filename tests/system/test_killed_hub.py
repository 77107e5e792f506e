"""Jobs that read a slow, faulty hub on loopback die at random moments; the bytes are those of local files in the end.

A moment is a number of files' bodies that the hub was asked for, so that a kill strikes while requests are under way.
SWITCHPOINT_KILL_SEED repeats the moments and faults that a failure names.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import zstandard

from dataprep.tar.write import write_tar
from tests.helpers.dataset_hub import DatasetHub, bad_weather, loopback_datasets
from tests.helpers.killing import LIMIT_S, kill_tree, submit

pytestmark = pytest.mark.soak
CLUSTER, LOCAL = "local-cluster[2,1,1024]", "local[2]"
FAULTY = 0.15
"""Share of requests that fail."""
GEOMETRY = {"geometry": {"size": 32, "patch": 16}}
TURNS = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "That."}]


@pytest.fixture
def dice() -> random.Random:
    seed = os.environ.get("SWITCHPOINT_KILL_SEED") or str(random.SystemRandom().getrandbits(32))
    print(f"SWITCHPOINT_KILL_SEED={seed}")  # pytest shows it where the test fails
    return random.Random(seed)


@pytest.fixture
def hub(dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    with loopback_datasets() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        running.weather, running.delay = bad_weather(dice, FAULTY), 0.05
        yield running


def text(picture: Callable[..., bytes]) -> dict[str, bytes]:
    """Eight small files, and one that takes several ranges."""

    def rows(file: int, count: int) -> bytes:
        return b"\n".join(json.dumps({"text": f"document {n} of {file} " * (n % 9)}).encode() for n in range(count))

    small = {f"{file}.jsonl.zst": zstandard.compress(rows(file, 300)) for file in range(8)}
    return {**small, "large.jsonl": rows(8, 120_000)}


def pairs(picture: Callable[..., bytes]) -> dict[str, bytes]:
    content = {}
    for number in range(6):
        tar, members = io.BytesIO(), list[tuple[str, bytes]]()
        for n in range(12):
            members += [(f"{n:02}.png", picture(n, "PNG", (256, 192))), (f"{n:02}.txt", f"{n} of {number}".encode())]
        write_tar(tar, members)
        content[f"{number}.tar"] = tar.getvalue()
    return content


def conversations(picture: Callable[..., bytes]) -> dict[str, bytes]:
    rows = [{"id": f"{n}", "image": f"coco/{n % 40}.jpg", "conversations": TURNS} for n in range(60)]
    images = {f"images/coco/{n}.jpg": picture(n) for n in range(40)}
    return {**images, "chat.json": json.dumps(rows).encode()}


JOBS: dict[str, tuple[Callable[..., dict[str, bytes]], str, dict[str, Any]]] = {
    "text": (text, "**/*.jsonl*", {"seq_len": 64, "shard_bytes": 1 << 20}),
    "pairs": (pairs, "*.tar", {"seq_len": 64, "shard_bytes": 1 << 20, "deduplicate": True, **GEOMETRY}),
    "conversations": (conversations, "chat.json", {"seq_len": 96, "rows_per_task": 10, **GEOMETRY}),
}


def settings(job: str, root: str, out: Path, tokenizer_dir: Path) -> dict[str, Any]:
    images = {"image_root": f"{root}/images"} if job == "conversations" else {}
    base = {"inputs": f"{root}/{JOBS[job][1]}", "out": str(out), "tokenizer": str(tokenizer_dir)}
    return {**base, **images, **JOBS[job][2]}


def shards(out: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in out.iterdir() if one.suffix == ".mds" or one.name == "index.json"}


def reached(process: subprocess.Popen[bytes], hub: DatasetHub, count: int) -> bool:
    """Until the hub was asked for so many bodies; whether the job is still running then."""
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None and sum("GET /cdn/" in line for line in list(hub.asked)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process.poll() is None


def kill_an_executor(process: subprocess.Popen[bytes], dice: random.Random) -> None:
    """One of those that there are; a job that has just ended has none."""
    executors = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if any("CoarseGrainedExecutorBackend" in part for part in child.cmdline()):
                executors.append(child)
    if executors:
        with suppress(psutil.NoSuchProcess):
            dice.choice(executors).send_signal(signal.SIGKILL)


@pytest.mark.parametrize("job", JOBS)
def test_killed_under_a_bad_hub(
    job: str, hub: DatasetHub, dice: random.Random, tmp_path: Path, tokenizer_dir: Path, picture: Callable[..., bytes]
) -> None:
    content = JOBS[job][0](picture)
    for name, data in content.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    hub.push("o/n", content)
    calm, out = tmp_path / "calm", tmp_path / "killed"
    with submit(job, settings(job, f"{tmp_path}/in", calm, tokenizer_dir), LOCAL) as process:
        assert process.wait(LIMIT_S) == 0

    remote = settings(job, "hf://datasets/o/n", out, tokenizer_dir)
    for master in (CLUSTER, LOCAL):
        hub.asked.clear()
        moments = sorted(dice.randint(1, len(content)) for _ in range(2))
        print(f"{job} on {master}: kills after {moments} bodies")
        with submit(job, remote, master) as process:
            if master == CLUSTER and reached(process, hub, moments[0]):
                kill_an_executor(process, dice)
            if reached(process, hub, moments[1]):
                kill_tree(process)
    with submit(job, remote, LOCAL) as process:
        assert process.wait(LIMIT_S) == 0, out.with_suffix(".log").read_text()[-2000:]
    assert shards(out) == shards(calm)
