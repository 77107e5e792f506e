"""Sources on a remote: the same rows as from a local disk, retries, and one clear error for what cannot be had."""

import json
import shutil
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import xxhash
from streaming.base.world import World

from common.errors import InputError
from schemas.manifest import Manifest, Removal
from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.object_server import ObjectServer
from train.loader.cache.download import Patience
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset
from train.loader.errors import SourceError

KINDS = ("text", "pairs", "conversations")
QUICK = Patience(total=20, first=0.01, longest=0.05)
SHORT = Patience(total=0.3, first=0.05)


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("local")
    synthetic.schedule(root)
    return root


@pytest.fixture
def server(local, tmp_path, monkeypatch) -> Iterator[ObjectServer]:
    for kind in KINDS:
        shutil.copytree(local / kind, tmp_path / "served/bucket" / kind)
    with ObjectServer(tmp_path / "served") as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def moved(schedule: Schedule, to: str) -> Schedule:
    """The schedule with its sources at another place."""
    sources = [source.model_copy(update={"path": f"{to}/{source.kind}"}) for source in schedule.sources]
    return schedule.model_copy(update={"sources": sources})


def rows(dataset: ScheduleDataset, workers: int = 0) -> list[tuple[int, int, int, bytes]]:
    try:
        found = []
        for batch in ScheduleLoader(dataset, workers):
            facts = (batch[key].tolist() for key in ("positions", "sources", "samples"))
            found += zip(*facts, (ids.numpy().tobytes() for ids in batch["input_ids"]), strict=True)
        return found
    finally:
        dataset.close()


def error_of(schedule: Schedule, cache: Path, workers: int = 0, **settings) -> str:
    with pytest.raises(InputError) as caught:
        rows(ScheduleDataset(schedule, 8, cache=str(cache), **settings), workers)
    return str(caught.value)


def shards(server: ObjectServer, kind: str = "text") -> list[Path]:
    return sorted((server.root / "bucket" / kind).glob("shard.*.mds"))


@pytest.fixture(scope="module")
def expected(local, tmp_path_factory) -> list[tuple[int, int, int, bytes]]:
    return rows(ScheduleDataset(synthetic.schedule(local), 8, cache=str(tmp_path_factory.mktemp("cache"))))


def test_s3_gives_the_rows_of_the_local_disk(local, expected, tmp_path, s3_client, s3_bucket):
    for file in local.glob("*/*"):
        if file.parent.name in KINDS:
            s3_client.upload_file(str(file), s3_bucket, f"{file.parent.name}/{file.name}")
    schedule = moved(synthetic.schedule(local), f"s3://{s3_bucket}")
    for workers in (0, 2):
        dataset = ScheduleDataset(schedule, 8, cache=str(tmp_path / f"cache{workers}"))
        assert rows(dataset, workers) == expected


def test_a_path_that_leads_to_another_dataset_is_refused(server, local, tmp_path):
    """On disk and on a remote: so a schedule's paths need no seal."""
    other = synthetic.write(tmp_path / "served/bucket/other", "text", 60, seed=1)
    file = tmp_path / "schedule.json"
    synthetic.schedule(local).save(file)
    for place in (str(other), "s3://bucket/other/text"):
        edited = json.loads(file.read_text())
        edited["sources"][0]["path"] = place
        file.write_text(json.dumps(edited))
        said = error_of(Schedule.load(file), tmp_path / "cache", patience=SHORT)
        assert f"{place}: source 'text' is not the dataset that the schedule was compiled for; compile" in said


def test_ten_failures_are_only_a_delay(server, local, expected, tmp_path, caplog):
    server.failing = 10
    dataset = ScheduleDataset(
        moved(synthetic.schedule(local), "s3://bucket"), 8, cache=str(tmp_path / "cache"), patience=QUICK
    )
    assert rows(dataset) == expected
    assert server.refused == 10
    assert "attempt 2 failed" in caplog.text


def test_a_client_that_fell_back_to_asking_unsigned_signs_again(server, local, expected, tmp_path):
    """Streaming takes a 400, which S3 also says of a token that has just expired, for a public bucket."""
    server.status, server.failing, server.private = HTTPStatus.BAD_REQUEST, 1, True
    dataset = ScheduleDataset(
        moved(synthetic.schedule(local), "s3://bucket"), 8, cache=str(tmp_path / "cache"), patience=QUICK
    )
    assert rows(dataset) == expected
    assert server.refused == 1


def test_a_second_start_finds_the_shards_of_the_first(server, local, expected, tmp_path):
    schedule = moved(synthetic.schedule(local), "s3://bucket")
    assert rows(ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"))) == expected
    before = {path: size for path, size in server.sent.items() if ".mds" in path}
    assert rows(ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"))) == expected
    assert {path: size for path, size in server.sent.items() if ".mds" in path} == before


def test_a_node_downloads_about_its_share_of_the_bytes(server, tmp_path):
    folder = synthetic.write(tmp_path / "served/bucket/many", "text", 1200)
    source = synthetic.source(folder).model_copy(update={"path": "s3://bucket/many/text"})
    template = synthetic.schedule(tmp_path / "other")
    phase = template.phases[0].model_copy(update={"stop": 1200, "shares": [1_000_000_000]})
    sizes = [file.stat().st_size for file in folder.glob("*.mds")]
    for node in range(4):
        server.sent.clear()
        schedule = template.model_copy(update={"sources": [source], "phases": [phase], "lanes": 4})
        dataset = ScheduleDataset(schedule, 2, cache=str(tmp_path / f"cache{node}"))
        dataset.world = World(4, 1, 1, node)
        assert len(rows(dataset)) == 300
        assert len(sizes) > 60
        assert sum(size for path, size in server.sent.items() if ".mds" in path) < 1.2 * sum(sizes) / 4


def test_a_cache_limit_is_kept_and_changes_nothing(server, local, expected, tmp_path):
    schedule = moved(synthetic.schedule(local), "s3://bucket")
    largest = max(file.stat().st_size for kind in KINDS for file in shards(server, kind))
    with pytest.raises(InputError, match="do not hold 4 of the largest shards"):
        ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"), cache_limit=largest)
    limit = 5 * largest
    dataset = ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"), cache_limit=limit, ahead=1)
    assert rows(dataset) == expected
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*.mds")) <= limit


def test_files_read_in_place_are_never_evicted(local, expected, tmp_path):
    shutil.copytree(local, tmp_path / "own")
    schedule = moved(synthetic.schedule(local), str(tmp_path / "own"))
    assert rows(ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"), cache_limit=100)) == expected
    for kind in KINDS:
        names = [{file.name for file in (root / kind).iterdir()} for root in (local, tmp_path / "own")]
        assert names[0] == names[1]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_shard(server, local, tmp_path, workers):
    shards(server)[1].unlink()
    message = error_of(moved(synthetic.schedule(local), "s3://bucket"), tmp_path / "cache", workers, patience=QUICK)
    assert message.startswith("s3://bucket/text/shard.00001.mds: shard 'shard.00001.mds' of source 'text' is missing")
    assert message.endswith("restore it, or correct `path` or the credentials")


def test_a_truncated_shard_and_a_wrong_hash(server, local, tmp_path):
    shard = shards(server, "pairs")[0]
    whole = shard.read_bytes()
    schedule = moved(synthetic.schedule(local), "s3://bucket")
    shard.write_bytes(whole[:-1])
    message = error_of(schedule, tmp_path / "cache", patience=QUICK)
    assert f"shard '{shard.name}' of source 'pairs' is damaged: it has {len(whole) - 1:,} bytes" in message
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    message = error_of(schedule, tmp_path / "cache", patience=QUICK)
    assert f"shard '{shard.name}' of source 'pairs' is damaged: its hash is" in message
    assert not list((tmp_path / "cache").glob(f"0/pairs-*/*{shard.name}*"))


@pytest.mark.parametrize("damage", ["missing", "truncated", "hash"])
def test_the_same_where_a_source_is_read_in_place(local, tmp_path, damage):
    shutil.copytree(local, tmp_path / "own")
    shard = tmp_path / "own/text/shard.00000.mds"
    whole = shard.read_bytes()
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(whole[:-9] if damage == "truncated" else whole[:-1] + b"\xff")
    message = error_of(moved(synthetic.schedule(local), str(tmp_path / "own")), tmp_path / "cache")
    assert "shard 'shard.00000.mds' of source 'text'" in message
    assert {"missing": "No such file", "truncated": "bytes, the manifest says", "hash": "its hash is"}[
        damage
    ] in message


@pytest.mark.parametrize("remote", [False, True])
def test_a_shard_that_a_takedown_rewrites_under_the_run(server, local, expected, tmp_path, remote):
    served = server.root / "bucket"
    schedule = moved(synthetic.schedule(local), "s3://bucket" if remote else str(served))
    dataset = ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"), patience=QUICK)
    manifest = Manifest.load(served / "text")
    shard = shards(server)[2]
    shard.write_bytes(shard.read_bytes()[:-2] + b"\x05\x00")
    receipts = list(manifest.shards)
    receipts[2] = receipts[2].model_copy(update={"digest": xxhash.xxh3_64_hexdigest(shard.read_bytes())})
    facts = {"revision": 1, "date": "2026-01-01", "asked": {"uid": 1}, "record": "removed/00001.json", "rows": 1}
    removal = Removal(**facts, images=0, tokens=1, shards=1, content=manifest.content)
    after = manifest.model_copy(update={"shards": receipts, "removals": [removal]})
    (served / "text/manifest.json").write_text(after.model_dump_json())
    found = rows(dataset)
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert {one[1:3] for one, other in zip(found, expected, strict=True) if one != other} <= {(0, i) for i in range(60)}
    assert found != expected
    again = rows(ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"), patience=QUICK))
    assert again == found  # nothing of what was taken down is left in the cache


def test_a_remote_that_is_gone(server, local, tmp_path):
    schedule = moved(synthetic.schedule(local), "s3://bucket")
    dataset = ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"), patience=SHORT)
    server.failing, asked = 1 << 30, dict(server.sent)
    with pytest.raises(SourceError, match=r"cannot be fetched: [0-9]+ attempts in .* start the run again"):
        rows(dataset)
    assert server.sent == asked  # patience is not spent a second time on the manifest
    message = error_of(moved(schedule, "s3://nowhere"), tmp_path / "cache", patience=SHORT)
    assert message.startswith("s3://nowhere/text/manifest.json: manifest.json of source 'text' is missing")


def test_an_index_that_is_not_the_manifests(server, local, tmp_path):
    index = server.root / "bucket/text/index.json"
    schedule = moved(synthetic.schedule(local), "s3://bucket")
    good = index.read_text()
    index.write_text(good.replace("shard.00001.mds", "shard.00009.mds"))
    message = error_of(schedule, tmp_path / "cache")
    assert "index and manifest of source 'text' disagree: shard 1 is 'shard.00009.mds'" in message
    index.write_text(good[:-20])
    assert "index.json of source 'text' is damaged" in error_of(schedule, tmp_path / "cache")
    index.write_text(good.replace("ndarray:uint16:32", "pkl"))
    assert "which runs code when it is read" in error_of(schedule, tmp_path / "cache")
