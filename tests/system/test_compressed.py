"""Shards compressed by zstd, on a local disk and on S3: real processes, a cache that evicts, kills, other shapes.

Rows are compared with those of the same samples stored uncompressed.
"""

import random
from pathlib import Path

import pytest

from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.jobs import Job, Row, case, reached, rows_read, whole_run

SAMPLES = {"text": 240, "pairs": 60, "conversations": 60}
SHARD = 1 << 12
"""Small, so that a cache of a few shards evicts all the time."""
LIMIT = 16 * SHARD
LENGTHS = (60, 60, 48)


def dataset(root: Path, compression: str | None) -> Schedule:
    for kind, samples in SAMPLES.items():
        synthetic.write(root, kind, samples, compression=compression, shard_bytes=SHARD)
    return synthetic.schedule(root, global_batch=12, lengths=LENGTHS)


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Schedule:
    return dataset(tmp_path_factory.mktemp("packed"), "zstd:3")


@pytest.fixture(scope="module")
def run(packed, tmp_path_factory) -> list[Row]:
    """The run, as the same samples give it that were never compressed."""
    plain = dataset(tmp_path_factory.mktemp("plain"), None)
    assert [s.shards for s in plain.sources] == [s.shards for s in packed.sources]
    return whole_run(plain, tmp_path_factory.mktemp("cache"))


def files(place: Path, pattern: str) -> list[Path]:
    return sorted(place.rglob(pattern))


def uploaded(schedule: Schedule, client, bucket: str) -> Schedule:
    for source in schedule.sources:
        for file in Path(source.path).iterdir():
            client.upload_file(str(file), bucket, f"{source.kind}/{file.name}")
    sources = [s.model_copy(update={"path": f"s3://{bucket}/{s.kind}"}) for s in schedule.sources]
    return schedule.model_copy(update={"sources": sources})


def killed_and_resumed(schedule: Schedule, run: list[Row], work: Path, shapes: list[tuple[int, int, int]]) -> None:
    """Each shape (ranks, workers, global batch) goes on where the one before was killed, within its cache limit."""
    stored = [file for source in schedule.sources for file in Path(source.path).glob("*.mds*")]
    schedule.save(work / "schedule.json")
    seed = random.randrange(1 << 30)
    dice, out = random.Random(seed), work / "out"
    print("seed", seed)
    for turn, (ranks, workers, step) in enumerate(shapes):
        last, position = turn == len(shapes) - 1, reached(out)
        cases = [case(out, start=position, workers=workers, global_batch=step)]
        job = Job(work, ranks, cases, pause=0.0 if last else 0.1, cache_limit=LIMIT)
        if not last:
            job.kill_one(out, dice)
        well, said = job.finish()
        assert well == (reached(out) == len(run)), said
    read = rows_read(out)
    assert {row[0] for row in read} == set(range(len(run)))
    assert all(row == run[row[0]] for row in read)
    cached = files(work / "cache", "*.mds*")
    assert cached
    assert all(file.suffix == ".mds" for file in cached)  # neither compressed files nor unfinished ones
    assert sum(file.stat().st_size for file in cached) <= LIMIT
    assert stored == [file for source in schedule.sources for file in Path(source.path).glob("*.mds*")]


def test_local_zstd_is_read_as_if_it_were_not_compressed(packed, run, tmp_path):
    assert all(file.name.endswith(".zstd") for s in packed.sources for file in files(Path(s.path), "*.mds*"))
    assert whole_run(packed, tmp_path / "cache") == run


@pytest.mark.soak
def test_zstd_on_s3_with_a_full_cache_killed_and_resumed(packed, run, tmp_path, s3_client, s3_bucket):
    killed_and_resumed(uploaded(packed, s3_client, s3_bucket), run, tmp_path, [(2, 1, 12), (1, 2, 16)])


@pytest.mark.soak
@pytest.mark.parametrize("place", ["local", "s3"])
def test_zstd_killed_and_resumed_in_many_shapes(packed, run, tmp_path, place, s3_client, s3_bucket):
    schedule = packed if place == "local" else uploaded(packed, s3_client, s3_bucket)
    shapes = [(1, 0, 12), (2, 2, 24), (4, 1, 12), (3, 3, 12), (1, 2, 20)]
    killed_and_resumed(schedule, run, tmp_path, shapes)


@pytest.mark.soak
def test_two_jobs_share_a_cache_directory_and_nothing_else(packed, run, tmp_path):
    """One is killed beside the other, which goes on undisturbed; started again, it takes up its own folder."""
    packed.save(tmp_path / "schedule.json")
    outs = {ranks: tmp_path / f"out-{ranks}" for ranks in (2, 1)}
    gate = str(tmp_path / "killed")
    cases = {ranks: [case(out, workers=1, global_batch=12)] for ranks, out in outs.items()}
    beside = Job(tmp_path, 1, cases[1], cache_limit=LIMIT, until=gate)  # it stands in its folder meanwhile
    beside.wait_for_rows(outs[1])
    killed = Job(tmp_path, 2, cases[2], cache_limit=LIMIT, pause=0.05)
    killed.kill_one(outs[2], random.Random())
    killed.finish()
    Path(gate).touch()
    again = [case(outs[2], start=reached(outs[2]), workers=1, global_batch=12)]
    well, said = Job(tmp_path, 2, again, cache_limit=LIMIT).finish()
    assert well, said
    well, said = beside.finish()
    assert well, said
    assert sorted(rows_read(outs[1])) == run
    assert {row[0] for row in rows_read(outs[2])} == set(range(len(run)))
    assert all(row == run[row[0]] for row in rows_read(outs[2]))
    assert sorted(folder.name for folder in (tmp_path / "cache").iterdir()) == ["0", "1"]
