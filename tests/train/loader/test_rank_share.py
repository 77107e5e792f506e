"""A worker's share, for every shape of cluster: together the shares are the run, in order, without gap or repeat."""

from itertools import islice

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.phases import Phase, Source
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.loader.rank_share import Drawn, Share, dealt


def identity(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """One source, whose samples have the numbers of their positions."""
    return np.zeros(stop - start, np.int32), np.arange(start, stop)


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(0, 300),
    start=st.integers(0, 100),
    more=st.integers(0, 16),
    ranks=st.integers(1, 5),
    workers=st.integers(1, 3),
)
def test_steps_are_the_run_in_order(total, start, more, ranks, workers):
    """Ranks that divide a step's rows or not: their shares differ by one row at most."""
    stop, step = start + total, ranks + more
    found: dict[tuple[int, int], list[int]] = {}
    for rank in range(ranks):
        own = dealt(step, rank + 1, ranks) - dealt(step, rank, ranks)
        assert own in (step // ranks, -(-step // ranks))
        for worker in range(workers):
            share = Share(start, stop, own, rank, ranks, worker, workers, global_batch=step)
            drawn = list(share.rows(identity))
            assert len(share) == len(drawn)
            items = [row.sample for row in drawn]
            assert items == [row.position for row in drawn]
            for b, first in enumerate(range(0, len(items), own)):
                found[b * workers + worker, rank] = items[first : first + own]
    assert [p for key in sorted(found) for p in found[key]] == list(range(start, stop))
    for (number, _), rows in found.items():
        assert start + number * step <= rows[0] <= rows[-1] < start + (number + 1) * step


def test_a_run_of_a_trillion_samples_reads_anywhere_at_once():
    calls = []

    def lookup(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        calls.append(stop - start)
        return identity(start, stop)

    share = Share(start=10**11, stop=10**12, batch_size=4, rank=4095, ranks=4096, worker=7, workers=8)
    first = 10**11 + (7 * 4096 + 4095) * 4
    assert next(share.rows(lookup)) == Drawn(first, 0, first)
    last, end = share.batch(share.batches - 1)
    assert 10**12 - 4 * 4096 * 8 <= last < end <= 10**12
    assert calls == [4]


def test_lookups_are_batched():
    calls = []

    def lookup(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        calls.append(stop - start)
        return identity(start, stop)

    rows = list(Share(0, 10_000, batch_size=8, rank=1, ranks=2, worker=0, workers=1).rows(lookup))
    assert len(rows) == 5_000
    assert len(calls) <= 4


def ramped(lanes: int, seed: int) -> Schedule:
    """Two sources in three phases, the middle one a ramp, over 600 samples."""
    sources = [
        Source(name=name, path=name, content=name, kind="text", samples=90, shards=[(18, 5)], tokens={"text": 90 * 32})
        for name in ("one", "two")
    ]
    one, even = [1_000_000_000, 0], [500_000_000, 500_000_000]
    phases = [
        Phase(name="first", start=0, stop=200, shares=one),
        Phase(name="ramp", start=200, stop=400, shares=one, shares_to=even, ramp="cosine"),
        Phase(name="last", start=400, stop=600, shares=even),
    ]
    rate = [{"start": 0, "shape": "linear", "first": 1, "last": 1, "over": 1}]
    shape = {"seq_len": 32, "tokenizer": synthetic.TOKENIZER, "global_batch": 24, "learning_rate": rate}
    return Schedule(seed=seed, lanes=lanes, sources=sources, phases=phases, **shape)


@settings(max_examples=25, deadline=None)
@given(
    lanes=st.sampled_from([1, 4]),
    seed=st.integers(0, 3),
    jobs=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7), st.integers(0, 9)), min_size=1, max_size=6
    ),
)
def test_jobs_of_any_shape_one_after_another_are_the_schedule(lanes, seed, jobs):
    """Each (ranks, workers, rows, steps) is cut off after its steps, mid-ramp or not; the next goes on from there."""
    schedule = ramped(lanes, seed)
    due = list(zip(range(600), *(found.tolist() for found in schedule.samples(0, 600)), strict=True))
    read: list[tuple[int, int, int]] = []
    for ranks, workers, rows, steps in [*jobs, (3, 2, 8, 600)]:  # the last one reads the rest
        start = len(read)
        work = {
            (rank, worker): Share(start, 600, rows, rank, ranks, worker, workers).rows(schedule.samples)
            for rank in range(ranks)
            for worker in range(workers)
        }
        for step in range(steps):
            for rank in range(ranks):
                read += islice(work[rank, step % workers], rows)
    assert read == due
