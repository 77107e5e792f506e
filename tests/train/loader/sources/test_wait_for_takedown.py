"""A takedown that moves its files while the loader reads: waited for, and named when it was interrupted."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import xxhash

from common.errors import InputError
from dataprep.engine import journal
from dataprep.storage import files
from schemas.manifest import Manifest, Removal
from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.object_server import ObjectServer
from tests.helpers.rank import facts
from train.loader.cache.download import Patience
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset
from train.loader.sources.wait_for_takedown import when_settled

SHARD = "shard.00002.mds"


@pytest.fixture(params=["local", "remote"])
def schedule(request, tmp_path, monkeypatch) -> Iterator[Schedule]:
    made = synthetic.schedule(tmp_path / "served/bucket")
    if request.param == "local":
        yield made
        return
    with ObjectServer(tmp_path / "served") as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        sources = [s.model_copy(update={"path": f"s3://bucket/{s.kind}"}) for s in made.sources]
        yield made.model_copy(update={"sources": sources})


def halfway(folder: Path) -> None:
    """What a takedown that is killed after its first move leaves: a new shard, the old manifest, and a journal."""
    shard = folder / SHARD
    data = shard.read_bytes()[:-2] + b"\x05\x00"
    manifest = Manifest.load(folder)
    at = next(i for i, receipt in enumerate(manifest.shards) if receipt.name == SHARD)
    receipts = list(manifest.shards)
    receipts[at] = receipts[at].model_copy(update={"digest": xxhash.xxh3_64_hexdigest(data)})
    change = journal.Change(str(folder))
    change.put(SHARD, data)
    facts = {"revision": 1, "date": "2026-01-01", "asked": {"uid": 1}, "record": "removed/00001.json", "rows": 1}
    removal = Removal(**facts, images=0, tokens=1, shards=1, content=manifest.content)
    after = manifest.model_copy(update={"shards": receipts, "removals": [removal]})
    change.put("manifest.json", after.model_dump_json().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "finish", lambda out: True)
        change.commit()
    files.publish_file(files.join(str(folder), journal.FOLDER, SHARD), str(shard))


def read(schedule: Schedule, cache: Path, patience: Patience) -> list[list]:
    dataset = ScheduleDataset(schedule, 8, cache=str(cache), patience=patience)
    try:
        return [row for batch in ScheduleLoader(dataset, 0) for row in facts(batch)]
    finally:
        dataset.close()


def test_the_loader_waits_for_a_takedown_that_moves_its_files(schedule, tmp_path):
    before = read(schedule, tmp_path / "before", Patience())
    folder = tmp_path / "served/bucket/text"
    halfway(folder)
    other = threading.Timer(1.0, journal.finish, [str(folder)])
    other.start()
    after = read(schedule, tmp_path / "cache", Patience(total=60, first=0.01, longest=0.05))
    other.join()
    assert [row[:3] for row in after] == [row[:3] for row in before]
    assert after != before
    assert all(row[1] == 0 for row, old in zip(after, before, strict=True) if row != old)


def test_a_takedown_that_was_killed_is_named_with_its_remedy(schedule, tmp_path):
    halfway(tmp_path / "served/bucket/text")
    with pytest.raises(InputError, match="a takedown is under way, or was interrupted; finish it: python -m dataprep"):
        read(schedule, tmp_path / "cache", Patience(total=0.5, first=0.01))


def test_what_does_not_fit_together_without_a_takedown_is_an_error_at_once(tmp_path):
    calls = []

    def reading() -> None:
        calls.append(1)
        raise InputError("nothing fits")

    with pytest.raises(InputError, match="nothing fits"):
        when_settled(reading, str(tmp_path), tmp_path, Patience())
    assert len(calls) == 2  # a takedown may have ended between the first look and the question whether there is one
