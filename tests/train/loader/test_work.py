"""A worker's share, for every shape of cluster: together the shares are the run, in order, without gap or repeat."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from train.loader.work import LazyWork, Share


def identity(start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop)


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(0, 300),
    start=st.integers(0, 100),
    batch=st.integers(1, 5),
    ranks=st.integers(1, 4),
    workers=st.integers(1, 3),
)
def test_steps_are_the_run_in_order(total, start, batch, ranks, workers):
    stop = start + total
    dealt: dict[tuple[int, int], list[list[int]]] = {}
    for rank in range(ranks):
        for worker in range(workers):
            work = LazyWork(Share(start, stop, batch, rank, ranks, worker, workers), identity)
            items = [work[j] for j in range(len(work))]
            batches = [items[i : i + batch] for i in range(0, len(items), batch)]
            for b, rows in enumerate(batches):
                dealt[b * workers + worker, rank] = [rows]
    order = [p for step in sorted(dealt) for rows in dealt[step] for p in rows]
    assert order == list(range(start, stop))
    for (step, _), (rows,) in dealt.items():
        assert len(rows) <= batch
        assert start + step * batch * ranks <= rows[0] < start + (step + 1) * batch * ranks


def test_a_run_of_a_trillion_samples_reads_anywhere_at_once():
    calls = []

    def lookup(start: int, stop: int) -> np.ndarray:
        calls.append(stop - start)
        return np.arange(start, stop)

    share = Share(start=10**11, stop=10**12, batch_size=4, rank=4095, ranks=4096, worker=7, workers=8)
    work = LazyWork(share, lookup)
    assert work[0] == 10**11 + (7 * 4096 + 4095) * 4
    last = len(work) - 1
    assert 10**12 - 4 * 4096 * 8 <= work[last] < 10**12
    assert calls == [4, 4]


def test_lookups_are_batched():
    calls = []

    def lookup(start: int, stop: int) -> np.ndarray:
        calls.append(stop - start)
        return np.arange(start, stop)

    work = LazyWork(Share(0, 10_000, batch_size=8, rank=1, ranks=2, worker=0, workers=1), lookup)
    for j in range(len(work)):
        work[j]
    assert len(calls) <= 4
