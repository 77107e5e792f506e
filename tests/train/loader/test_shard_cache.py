"""The cache keeps its limit, its books and its promises, whoever reads in whatever order."""

import json
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from schemas.manifest import Manifest, Rows, TokenCounts
from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.jobs import whole_run
from tests.helpers.rank import facts
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset
from train.loader.errors import SourceError
from train.loader.rank_share import Drawn

SAMPLES = {"text": 240, "pairs": 40, "conversations": 40}
SHARD = 1 << 12


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Schedule:
    """Compressed sources of many small shards, all of which have to go through the cache."""
    root = tmp_path_factory.mktemp("data")
    for kind, samples in SAMPLES.items():
        synthetic.write(root, kind, samples, compression="zstd:3", shard_bytes=SHARD)
    return synthetic.schedule(root, global_batch=8, lengths=(96, 64, 48))


def least(schedule: Schedule) -> int:
    """The smallest cache limit that is accepted."""
    largest = 0
    for source in schedule.sources:
        for shard in json.loads((Path(source.path) / "index.json").read_text())["shards"]:
            largest = max(largest, shard["raw_data"]["bytes"] + shard["zip_data"]["bytes"])
    return 4 * largest


def on_disk(cache: Path) -> int:
    """Bytes of shards, unfinished ones too; they may come and go while one looks."""
    found = 0
    for file in [*cache.rglob("*.mds"), *cache.rglob(".*.mds*")]:
        try:
            found += file.stat().st_size
        except FileNotFoundError:
            continue
    return found


@pytest.mark.parametrize("workers", [0, 3])
def test_the_limit_holds_while_workers_fill_the_cache(packed, tmp_path, workers):
    limit, rows, most = least(packed), [], 0
    dataset = ScheduleDataset(packed, 8, cache=str(tmp_path / "cache"), cache_limit=limit, ahead=8)
    for batch in ScheduleLoader(dataset, workers):
        rows += facts(batch)
        most = max(most, on_disk(tmp_path / "cache"))
    dataset.close()
    assert 0 < most <= limit
    assert rows == whole_run(packed, tmp_path / "unlimited")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    room=st.integers(0, 3 * SHARD),
    meddled=st.sets(st.integers(0, 30), max_size=3),
)
def test_the_books_are_right_after_every_read(packed, tmp_path_factory, data, room, meddled):
    """In any order, with files that vanish in between: usage is what lies on the disk, and within the limit."""
    cache = tmp_path_factory.mktemp("cache")
    dataset = ScheduleDataset(packed, 8, cache=str(cache), cache_limit=least(packed) + room)
    books = dataset.cache.ledger
    everything = [(number, one) for number, source in enumerate(packed.sources) for one in range(source.samples)]
    for turn, at in enumerate(data.draw(st.lists(st.integers(0, len(everything) - 1), max_size=30))):
        if turn in meddled and (present := sorted(cache.rglob("*.mds"))):
            present[turn % len(present)].unlink()
        row = dataset.row(Drawn(0, *everything[at]))
        assert (row.tokens[1] - 2) * 50 + row.tokens[2] - 2 == row.sample == everything[at][1]
        assert on_disk(cache) <= books.usage <= least(packed) + room
        if not meddled:
            assert on_disk(cache) == books.usage
    dataset.close()


def test_a_shard_that_is_cut_short_after_it_was_verified(tmp_path):
    schedule = synthetic.schedule(tmp_path)
    dataset = ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"))
    batches = iter(ScheduleLoader(dataset, 0))
    next(batches)
    for shard in (tmp_path / "text").glob("shard.*"):
        shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(SourceError, match=r"sample [0-9]+ of source 'text' holds bytes that are no row .* validate"):
        list(batches)
    dataset.close()


def recounted(root: Path, samples: int) -> Schedule:
    """A text dataset whose index and manifest agree that the first shard holds `samples` more than it does."""
    folder = synthetic.write(root, "text", 60)
    index = json.loads((folder / "index.json").read_text())
    index["shards"][0]["samples"] += samples
    (folder / "index.json").write_text(json.dumps(index))
    manifest = Manifest.load(folder)
    first = manifest.shards[0].model_copy(update={"samples": manifest.shards[0].samples + samples})
    due = 60 + samples
    changed = {"shards": [first, *manifest.shards[1:]], "samples": due, "rows": Rows(read=due, written=due)}
    changed["tokens"] = TokenCounts(text=due * synthetic.SEQ_LEN)
    (folder / "manifest.json").write_text(manifest.model_copy(update=changed).model_dump_json())
    return synthetic.schedule(root)


@pytest.mark.parametrize("samples", [-1, 1])
def test_a_shard_with_another_number_of_samples_than_its_receipt(tmp_path, samples):
    """Neither lost in silence, nor read from where there are none."""
    dataset = ScheduleDataset(recounted(tmp_path, samples), 8, cache=str(tmp_path / "cache"))
    with pytest.raises(SourceError, match=r"shard 'shard.00000.mds' of source 'text' is damaged: it holds [0-9]+ sam"):
        list(ScheduleLoader(dataset, 0))
    dataset.close()


@pytest.mark.parametrize(
    ("name", "message"),
    [("shard.00000.mds", "index.json lists it twice"), ("../../elsewhere.mds", "no shard may have that name")],
)
def test_names_that_would_repeat_samples_or_lead_elsewhere(tmp_path, name, message):
    folder = synthetic.write(tmp_path, "text", 60)
    for file in ("index.json", "manifest.json"):
        (folder / file).write_text((folder / file).read_text().replace("shard.00001.mds", name))
    with pytest.raises(InputError, match=message):
        ScheduleDataset(synthetic.schedule(tmp_path), 8, cache=str(tmp_path / "cache"))


def test_a_disk_that_is_full_at_the_start(tmp_path):
    """The kernel refuses to let any file of this process grow beyond a few bytes, as a full disk would."""
    schedule = synthetic.schedule(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(InputError, match=r"no room for the table of shards 'text-.* in the cache; free some space"):
            ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
