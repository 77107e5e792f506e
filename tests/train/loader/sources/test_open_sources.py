"""Tests of the survey of datasets: each is the one that the schedule was compiled for, and left as a table."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import InputError
from schemas.manifest import Manifest, Removal
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.loader.cache.cache_folder import TABLE, Slot
from train.loader.cache.download import Patience
from train.loader.sources.open_sources import open_streams, survey

PATIENCE = Patience(total=0.5, first=0.01)


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    return synthetic.schedule(tmp_path / "data")


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    found = Slot(tmp_path / "cache")
    yield found
    found.release()


def test_every_source_leaves_its_table_and_streams_read_them(schedule: Schedule, slot: Slot) -> None:
    streams = open_streams(schedule, survey(schedule, slot, PATIENCE), PATIENCE)
    assert [stream.name for stream in streams] == ["text", "pairs", "conversations"]
    for stream, source in zip(streams, schedule.sources, strict=True):
        manifest = Manifest.load(source.path)
        assert [record["name"].decode() for record in stream.table.records] == [one.name for one in manifest.shards]
        assert [f"{record['digest']:016x}" for record in stream.table.records] == [s.digest for s in manifest.shards]
        assert stream.in_place


def test_what_the_cache_holds_of_other_datasets_goes(schedule: Schedule, slot: Slot) -> None:
    old, foreign = slot.path / "text-of-before", slot.path / "not a dataset"
    for folder in (old, foreign):
        folder.mkdir()
        (folder / "shard.00000.mds").touch()
    (old / TABLE).touch()
    sites = survey(schedule, slot, PATIENCE)
    assert sorted(path.name for path in slot.path.iterdir() if path.is_dir()) == sorted(
        [*(Path(site.folder).name for site in sites), foreign.name]
    )


def test_what_a_takedown_has_left_of_a_dataset_gets_a_folder_of_its_own(schedule: Schedule, slot: Slot) -> None:
    before = survey(schedule, slot, PATIENCE)
    manifest = Manifest.load(folder := Path(schedule.sources[0].path))
    facts = {"revision": 1, "date": "2026-01-01", "asked": {"uid": 1}, "record": "removed/00001.json", "rows": 1}
    removal = Removal.model_validate({**facts, "images": 0, "tokens": 1, "shards": 1, "content": manifest.content})
    changed = manifest.shards[0].model_copy(update={"digest": f"{1:016x}"})
    after_it = manifest.model_copy(update={"shards": [changed, *manifest.shards[1:]], "removals": [removal]})
    (folder / "manifest.json").write_text(after_it.model_dump_json())
    after = survey(schedule, slot, PATIENCE)
    assert (before[0].folder != after[0].folder, before[1:]) == (True, after[1:])
    assert not Path(before[0].folder).exists()


@pytest.mark.parametrize("field", ["content", "samples", "seq_len"])
def test_another_dataset_than_the_schedules_is_refused(schedule: Schedule, slot: Slot, field: str) -> None:
    changes = {"content": "0" * 64, "samples": 61}
    source = schedule.sources[0].model_copy(update={field: changes[field]} if field in changes else {})
    update = {"sources": [source, *schedule.sources[1:]], **({} if field in changes else {"seq_len": 64})}
    with pytest.raises(InputError, match="text: source 'text' is not the dataset that the schedule was compiled for"):
        survey(schedule.model_copy(update=update), slot, PATIENCE)


def test_files_that_are_missing_and_places_that_are_none(schedule: Schedule, slot: Slot) -> None:
    index = Path(schedule.sources[1].path) / "index.json"
    index.rename(index.with_name("elsewhere"))
    with pytest.raises(InputError, match=r"index\.json: cannot read index\.json of source 'pairs' \(No such file"):
        survey(schedule, slot, PATIENCE)
    source = schedule.sources[0].model_copy(update={"path": "nowhere://bucket/text"})
    with pytest.raises(
        InputError, match="path: source 'text' lies at a 'nowhere:' address; edit `path` in the schedule"
    ):
        survey(schedule.model_copy(update={"sources": [source]}), slot, PATIENCE)


def test_a_cache_that_cannot_be_written_is_told(schedule: Schedule, slot: Slot) -> None:
    (site, *_) = survey(schedule, slot, PATIENCE)
    slot.keep_only(set())
    Path(site.folder).touch()
    with pytest.raises(InputError, match=r"cannot use the cache .*let `cache` name a writable directory"):
        survey(schedule, slot, PATIENCE)
