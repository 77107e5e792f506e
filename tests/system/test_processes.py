"""Real processes under the `composer` launcher: every shape reads the same run, killed or not, and bad data ends it.

The suite runs a few shapes; `make soak` runs 1 to 4 ranks with 0 to 3 workers each, ten rounds of kills at random
moments, and every kind of bad data.
"""

import random
import shutil
import signal
from pathlib import Path

import pytest

from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.jobs import Job, batches, case, cut, digests, reached, rows_read, whole_run
from tests.helpers.object_server import ObjectServer

GLOBAL_BATCH = 12
"""Divides by 1 to 4 ranks; the run's 120 samples do not end a step under a batch of 16."""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    synthetic.schedule(root, global_batch=GLOBAL_BATCH).save(root / "schedule.json")
    return root


@pytest.fixture(scope="module")
def run(root) -> list[list]:
    return whole_run(Schedule.load(root / "schedule.json"), root / "cache")


def check_shapes(root: Path, run: list[list], out: Path, ranks: int, shapes: list[tuple[int, int]]) -> None:
    """Read the run on `ranks` ranks with each (workers, start)."""
    outs = {shape: out / f"{shape[0]}-{shape[1]}" for shape in shapes}
    cases = [
        case(out, start=start, workers=workers, global_batch=GLOBAL_BATCH) for (workers, start), out in outs.items()
    ]
    well, said = Job(root, ranks, cases).finish(400)
    assert well, said
    for (_, start), out in outs.items():
        assert digests(batches(out)) == digests(cut(run[start:], GLOBAL_BATCH))


@pytest.mark.slow
def test_two_ranks_read_the_same_global_batches(root, run, tmp_path):
    """At the end of the run too, with more workers than there are batches and a last step of a row a rank."""
    check_shapes(root, run, tmp_path, 2, [(0, 31), (3, 48), (3, 106)])


@pytest.mark.soak
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_every_shape_reads_the_same_global_batches(root, run, tmp_path, ranks):
    check_shapes(root, run, tmp_path, ranks, [(workers, start) for workers in range(4) for start in (0, 31, 48)])


def check_kills(
    root: Path, run: list[list], out: Path, shapes: list[tuple[int, int, int]], dice: random.Random
) -> None:
    """Kill a job of each shape (ranks, workers, global batch) but the last, and go on where it stood."""
    for turn, (ranks, workers, step) in enumerate(shapes):
        last, position = turn == len(shapes) - 1, reached(out)
        if position == len(run):
            break
        pause = 0.0 if last else 0.1
        job = Job(root, ranks, [case(out, start=position, workers=workers, global_batch=step)], pause=pause)
        if not last:
            job.kill_one(out, dice)
        well, said = job.finish()
        assert well == (reached(out) == len(run)), said
    assert reached(out) == len(run)
    read = rows_read(out)
    assert {row[0] for row in read} == set(range(len(run)))
    assert all(row == run[row[0]] for row in read)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_exactly_in_another_shape(root, run, tmp_path):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    check_kills(root, run, tmp_path / "out", [(2, 1, 12), (1, 2, 16)], random.Random(seed))


@pytest.mark.soak
def test_killed_ten_times(root, run, tmp_path):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    dice = random.Random(seed)
    shapes = [(1, 2), (2, 0), (2, 3), (3, 1), (4, 1), (4, 2)]
    drawn = [(*dice.choice(shapes), dice.choice([12, 24])) for _ in range(11)]
    check_kills(root, run, tmp_path / "out", drawn, dice)


def spoil(kind: str, server: ObjectServer) -> dict:
    """Damage what the server has, one way; returns what the plan needs beside it."""
    shard = server.root / "bucket/pairs/shard.00001.mds"
    if kind == "missing":
        shard.unlink()
    elif kind == "truncated":
        shard.write_bytes(shard.read_bytes()[:-40])
    elif kind == "hash":
        whole = shard.read_bytes()
        shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
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


def check_reported_once(root: Path, work: Path, kind: str, workers: int) -> None:
    schedule = Schedule.load(root / "schedule.json")
    for source in schedule.sources:
        shutil.copytree(source.path, work / "served/bucket" / source.kind)
    sources = [s.model_copy(update={"path": f"s3://bucket/{s.kind}"}) for s in schedule.sources]
    schedule.model_copy(update={"sources": sources}).save(work / "schedule.json")
    with ObjectServer(work / "served") as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        plan = {"patience": {"total": 3.0, "first": 0.05}, **spoil(kind, server)}
        job = Job(work, 2, [case(work / "out", workers=workers, global_batch=GLOBAL_BATCH)], **plan)
        well, said = job.finish()
    assert not well
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said
    assert SAID[kind] in lines[0]
    assert "; " in lines[0]
    assert "Traceback" not in said, said


@pytest.mark.soak
def test_a_missing_shard_is_reported_once_and_ends_every_rank(root, tmp_path):
    check_reported_once(root, tmp_path, "missing", 1)


@pytest.mark.soak
@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize("workers", [0, 2])
def test_bad_data_is_reported_once_and_ends_every_rank(root, tmp_path, kind, workers):
    check_reported_once(root, tmp_path, kind, workers)


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGBUS])
def test_a_lost_worker_is_reported_once_and_ends_every_rank(root, tmp_path, number):
    job = Job(root, 2, [case(tmp_path / "out", workers=2, global_batch=GLOBAL_BATCH)], pause=0.5)
    job.kill_one(tmp_path / "out", random.Random(), number, lambda process: process.parent() in job.ranks())
    well, said = job.finish()
    assert not well
    lines = [line for line in said.splitlines() if "error: " in line]  # torch's own words on a bus error come before it
    assert len(lines) == 1, said
    reason = {signal.SIGKILL: "most likely memory ran out", signal.SIGBUS: "most likely /dev/shm is full"}[number]
    assert f"was ended by signal {number.value} ({number.name}); {reason}" in lines[0]
    assert "Traceback" not in said, said
