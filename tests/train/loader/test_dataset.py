"""What the loader yields is the schedule, for every shape and from every position."""

import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streaming.base.world import World
from torch.utils.data import DataLoader

from common.errors import InputError
from tests.helpers import synthetic
from train.loader.dataset import ScheduleDataset
from train.loader.rank_share import Drawn
from train.loader.rows import decode
from train.loader.rows.collate import collate


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def identify(batch) -> list[tuple[int, int]]:
    """(source, sample) of each row, read back from the ids that the synthetic windows carry."""
    ids = (batch["input_ids"][:, 1] - 2) * 50 + batch["input_ids"][:, 2] - 2
    return list(zip(batch["sources"].tolist(), ids.tolist(), strict=True))


def expected(schedule, start: int, stop: int) -> list[tuple[int, int]]:
    sources, ids = schedule.samples(start, stop)
    return list(zip(sources.tolist(), ids.tolist(), strict=True))


def loader_of(dataset: ScheduleDataset, workers: int = 0) -> DataLoader:
    return DataLoader(dataset, dataset.batch_size, collate_fn=collate, num_workers=workers)


@pytest.mark.parametrize(("workers", "start"), [(0, 0), (0, 53), (2, 0), (2, 53)])
def test_one_rank_reads_the_schedule_from_any_position(root, workers, start):
    schedule = synthetic.schedule(root)
    dataset = ScheduleDataset(schedule, 8, cache=str(root / "cache"), start=start)
    batches = [identify(batch) for batch in loader_of(dataset, workers)]
    assert [one for batch in batches for one in batch] == expected(schedule, start, schedule.total_samples)
    assert {len(batch) for batch in batches[:-1]} == {8}


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_share_each_step(root, ranks):
    schedule = synthetic.schedule(root)
    steps = []
    for rank in range(ranks):
        dataset = ScheduleDataset(schedule, 8 // ranks, cache=str(root / "cache"))
        dataset.world = World(1, ranks, 1, rank)
        rows = list(dataset)
        steps.append([identify(collate(rows[i : i + 8 // ranks])) for i in range(0, len(rows), 8 // ranks)])
    order = [one for step in zip(*steps, strict=True) for part in step for one in part]
    assert order == expected(schedule, 0, schedule.total_samples)


def test_resume_goes_on_exactly_and_two_datasets_do_not_meet(root):
    schedule = synthetic.schedule(root)
    first, second = (ScheduleDataset(schedule, 8, cache=str(root / "cache"), start=start) for start in (0, 40))
    iterator = iter(loader_of(first))
    seen = [identify(next(iterator)) for _ in range(5)]
    assert identify(next(iter(loader_of(second)))) == expected(schedule, 40, 48)
    assert identify(next(iterator)) == expected(schedule, 40, 48)
    assert seen[0] == expected(schedule, 0, 8)


def test_two_readings_of_one_dataset_do_not_meet_either(root):
    schedule = synthetic.schedule(root)
    dataset = ScheduleDataset(schedule, 8, cache=str(root / "cache"))
    one, other = iter(dataset), iter(dataset)
    pairs = [(next(one).position, next(other).position) for _ in range(schedule.total_samples)]
    assert pairs == [(position, position) for position in range(schedule.total_samples)]


def test_a_dataset_that_is_closed_ends_what_reads_it(root):
    dataset = ScheduleDataset(synthetic.schedule(root), 8, cache=str(root / "cache"), ahead=1)
    rows = iter(dataset)
    next(rows)
    dataset.close()
    assert len(list(rows)) == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "look-ahead" and thread.is_alive()]


def test_kinds_decode_by_the_contract(root):
    schedule = synthetic.schedule(root)
    dataset = ScheduleDataset(schedule, 8, cache=str(root / "cache"))
    text, pair, conversation = (dataset.row(Drawn(0, source, 0)) for source in range(3))
    assert text.pixels.shape == (0, 3, 16, 16)
    assert pair.pixels.shape[1:] == (3, 16, 16)
    assert pair.real_tokens < synthetic.SEQ_LEN
    for row in (text, pair, conversation):
        targets = np.append(row.tokens[1:], 0)
        bears = row.labels != -100
        assert (row.labels[bears] == targets[bears]).all()
        assert not bears[-1]
    targets = pair.tokens[1:]
    assert ((pair.labels[:-1] != -100) == ((targets != 1) & (targets != 60))).all()
    assert 0 < (conversation.labels != -100).sum() < (conversation.tokens >= 12).sum()


def test_another_dataset_under_the_same_path_is_refused(tmp_path):
    schedule = synthetic.schedule(tmp_path)
    changed = schedule.model_copy(
        update={"sources": [schedule.sources[0].model_copy(update={"content": "other"}), *schedule.sources[1:]]}
    )
    with pytest.raises(InputError, match="not the dataset that the schedule was compiled for"):
        ScheduleDataset(changed, 8, cache=str(tmp_path / "cache"))


def test_a_picture_that_cannot_be_used_is_told_with_how_to_take_it_out(root, monkeypatch):
    schedule = synthetic.schedule(root)
    dataset = ScheduleDataset(schedule, 8, cache=str(root / "cache"))
    monkeypatch.setattr(decode, "MAX_PIXELS", 100)
    path = schedule.sources[1].path
    with pytest.raises(
        InputError, match=r"sample 0 of source 'pairs' holds an image of \d+ x \d+ pixels \(picture 1 of \d\); "
    ) as caught:
        dataset.row(Drawn(0, 1, 0))
    assert f"`python -m dataprep why {path} 0` names its uid (`verify {path} --decode` those of all" in str(
        caught.value
    )
    assert f"`python -m dataprep remove {path} --uid UID` takes it out" in str(caught.value)
    assert dataset.row(Drawn(0, 0, 0)).real_tokens, "rows without pictures are no matter"


def test_a_picture_that_cannot_be_used_is_told_with_its_uid_where_the_dataset_knows(tmp_path, monkeypatch):
    schedule = synthetic.schedule(tmp_path)
    path = schedule.sources[1].path
    dataset = ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"))
    sound, counts = decode.decode_image, {}
    for sample in range(23):
        counts[sample] = len(dataset.row(Drawn(0, 1, sample)).pixels)
    sample = next(number for number, count in counts.items() if count == 2)
    calls = iter(range(9))
    monkeypatch.setattr(decode, "decode_image", lambda *a: sound(b"", 1) if next(calls) else sound(*a))
    (tmp_path / "pairs/provenance").mkdir()
    rows = [(number, f"u{number}-{place}") for number, count in counts.items() for place in range(count)]
    numbers, uids = zip(*rows, strict=True)
    table = pa.table({"sample": numbers, "images": [1] * len(rows), "uid": uids})
    pq.write_table(table, tmp_path / "pairs/provenance/00000.parquet")
    with pytest.raises(InputError, match=rf"sample {sample} of source 'pairs' holds .* \(picture 2 of 2\)") as caught:
        dataset.row(Drawn(0, 1, sample))
    assert f"`python -m dataprep remove {path} --uid u{sample}-1` takes it out" in str(caught.value)
    assert "UID" not in str(caught.value)
    dataset.close()
