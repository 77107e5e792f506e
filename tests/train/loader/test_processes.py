"""Real processes under the `composer` launcher: every shape reads the same run, killed or not, and bad data ends it.

The suite runs a few shapes. `SWITCHPOINT_ALL_SHAPES=1` runs 1 to 4 ranks with 0 to 3 workers each, ten rounds of kills
at random moments, and every kind of bad data.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from schemas.schedule import Schedule
from tests.train import synthetic
from tests.train.loader.object_server import ObjectServer
from tests.train.loader.rank import facts
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset

ROOT = Path(__file__).resolve().parents[3]
COMPOSER = Path(sys.executable).with_name("composer")
ALL = os.environ.get("SWITCHPOINT_ALL_SHAPES") == "1"
GLOBAL_BATCH = 12
"""Divides by 1 to 4 ranks; the run's 120 samples do not end a step under a batch of 16."""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    synthetic.schedule(root, global_batch=GLOBAL_BATCH).save(root / "schedule.json")
    return root


@pytest.fixture(scope="module")
def run(root) -> list[list]:
    """The whole run as one process reads it, checked against the schedule's own samples."""
    schedule = Schedule.load(root / "schedule.json")
    dataset = ScheduleDataset(schedule, GLOBAL_BATCH, cache=str(root / "cache"))
    rows = [row for batch in ScheduleLoader(dataset, 0) for row in facts(batch)]
    dataset.close()
    sources, samples = schedule.samples(0, schedule.total_samples)
    assert [row[:3] for row in rows] == [[p, *pair] for p, pair in enumerate(zip(sources, samples, strict=True))]
    return rows


def launch(root: Path, ranks: int, cases: list[dict], **plan) -> subprocess.Popen:
    path = root / f"plan-{random.getrandbits(32)}.json"
    settings = {"schedule": str(root / "schedule.json"), "cache": str(root / "cache"), "cases": cases, **plan}
    path.write_text(json.dumps(settings))
    argv = [str(COMPOSER), "-n", str(ranks), str(Path(__file__).with_name("rank.py")), str(path)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=root)


def case(out: Path, *, start: int = 0, workers: int = 0, global_batch: int = GLOBAL_BATCH) -> dict:
    return {"out": str(out), "start": start, "workers": workers, "global_batch": global_batch}


def batches(out: Path) -> list[list[list]]:
    """Global batches as the ranks of one undisturbed launch read them, rows in the order of the ranks."""
    logs = [[json.loads(line) for line in path.open()] for path in sorted(out.glob("rows.*.jsonl"))]
    return [[row for part in step for row in part] for step in zip(*logs, strict=True)]


def reached(out: Path) -> int:
    """The position of the last step that all ranks have taken: where a checkpoint would stand."""
    return int((out / "position").read_text()) if (out / "position").exists() else 0


def digest(rows: list[list]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def cut(rows: list[list], size: int) -> list[list[list]]:
    return [rows[low : low + size] for low in range(0, len(rows), size)]


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2, 3, 4] if ALL else [2])
def test_every_shape_reads_the_same_global_batches(root, run, tmp_path, ranks):
    shapes = [(workers, start) for workers in range(4) for start in (0, 31, 48)] if ALL else [(0, 31), (3, 48)]
    outs = {shape: tmp_path / f"{shape[0]}-{shape[1]}" for shape in shapes}
    process = launch(root, ranks, [case(out, workers=w, start=s) for (w, s), out in outs.items()])
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, output
    for (_, start), out in outs.items():
        due = cut(run[start:], GLOBAL_BATCH)
        assert [digest(rows) for rows in batches(out)] == [digest(rows) for rows in due]


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_exactly_in_another_shape(root, run, tmp_path):
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    out, rounds = tmp_path / "out", 10 if ALL else 1
    for turn in range(rounds + 1):
        position = reached(out)
        if position == 120:
            break
        ranks, workers = dice.choice(
            [(1, 2), (2, 0), (2, 3), (3, 1), (4, 1), (4, 2)] if ALL else [(2, 1), (1, 2)][turn : turn + 1]
        )
        step = dice.choice([12, 24] if ALL else [12, 16][turn : turn + 1])
        pause = 0.1 if turn < rounds else 0.0
        process = launch(root, ranks, [case(out, start=position, workers=workers, global_batch=step)], pause=pause)
        if turn < rounds:
            deadline = time.monotonic() + 200
            while not any(out.glob("rows.*")) and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 0.7))
            victims = [p for p in psutil.Process(process.pid).children(recursive=True) if "rank.py" in str(p.cmdline())]
            if victims:
                dice.choice(victims).send_signal(signal.SIGKILL)
        output, _ = process.communicate(timeout=200)
        assert (process.returncode == 0) == (reached(out) == 120), f"seed {seed}: {output}"
    assert reached(out) == 120
    read = [row for path in out.glob("rows.*.jsonl") for line in path.open() for row in json.loads(line)]
    assert {row[0] for row in read} == set(range(120)), f"seed {seed}"
    assert all(row == run[row[0]] for row in read), f"seed {seed}"


def spoil(kind: str, server: ObjectServer) -> dict:
    """Damage what the server has, one way; returns what the plan needs beside it."""
    shard = server.root / "bucket/pairs/shard.00001.mds"
    if kind == "missing":
        shard.unlink()
    elif kind == "truncated":
        shard.write_bytes(shard.read_bytes()[:-40])
    elif kind == "hash":
        shard.write_bytes(shard.read_bytes()[:-1] + b"\x00")
    elif kind == "index":
        index = server.root / "bucket/pairs/index.json"
        index.write_text(index.read_text().replace("shard.00001.mds", "shard.00007.mds"))
    elif kind == "gone":
        server.failing = 1 << 30
    elif kind == "full":
        return {"file_limit": 8192}
    return {}


SAID = {
    "missing": "shard 'shard.00001.mds' of source 'pairs' is missing or access is denied",
    "truncated": "shard 'shard.00001.mds' of source 'pairs' is damaged: it has",
    "hash": "shard 'shard.00001.mds' of source 'pairs' is damaged: its hash is",
    "index": "index and manifest of source 'pairs' disagree: shard 1 is 'shard.00007.mds'",
    "gone": "cannot be fetched:",
    "full": "of source 'pairs' in the cache; free some space, set `cache_limit`",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAID if ALL else ["missing"])
@pytest.mark.parametrize("workers", [0, 2] if ALL else [1])
def test_bad_data_is_reported_once_and_ends_every_rank(root, tmp_path, kind, workers):
    schedule = Schedule.load(root / "schedule.json")
    for source in schedule.sources:
        shutil.copytree(source.path, tmp_path / "served/bucket" / source.kind)
    sources = [s.model_copy(update={"path": f"s3://bucket/{s.kind}"}) for s in schedule.sources]
    schedule.model_copy(update={"sources": sources}).save(tmp_path / "schedule.json")
    with ObjectServer(tmp_path / "served") as server:
        os.environ.update(server.environment())
        plan = {"patience": {"total": 3.0, "first": 0.05}, **spoil(kind, server)}
        process = launch(tmp_path, 2, [case(tmp_path / "out", workers=workers)], **plan)
        output, _ = process.communicate(timeout=200)
    assert process.returncode != 0
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, output
    assert SAID[kind] in lines[0]
    assert "; " in lines[0]
    assert "Traceback" not in output, output
