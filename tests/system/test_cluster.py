"""Clusters that no test machine has, in simulation: order and locality on up to 512 nodes of 8 ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming.base.world import World

from schemas.phases import Phase, Source
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.loader.rank_share import Share

ALL = 1_000_000_000


def step_of(node: int, shape: tuple[int, int, int], rows: int, span: tuple[int, int], step: int) -> np.ndarray:
    """Positions that a node reads in `step`, in the order of its ranks."""
    nodes, ranks, workers = shape
    found = []
    for rank in range(ranks):
        worker = (node * ranks + rank) * workers + step % workers  # torch deals a rank's batches to its workers in turn
        world = World(nodes, ranks, workers, worker)
        assert (world.node, world.rank) == (node, node * ranks + rank)
        share = Share(*span, rows, world.rank, world.num_ranks, world.worker_of_rank, world.workers_per_rank)
        found.append(np.arange(*share.batch(step // workers)))
    return np.concatenate(found)


@settings(max_examples=40, deadline=None)
@given(
    nodes=st.sampled_from([1, 2, 3, 8, 64, 512]),
    ranks=st.integers(1, 8),
    workers=st.integers(1, 4),
    rows=st.integers(1, 6),
    start=st.integers(0, 10**12),
    step=st.integers(0, 10**7),
    data=st.data(),
)
def test_every_step_is_contiguous_and_so_is_every_node(nodes, ranks, workers, rows, start, step, data):
    """Any number of nodes, asked at any step: a node's rows are one slice of the step, nodes follow each other."""
    batch = nodes * ranks * rows
    tail = data.draw(st.integers(1, batch))
    span = (start, start + step * batch + tail)  # so that `step` is the last, and perhaps a short one
    edges = [start + step * batch]
    for node in sorted(data.draw(st.sets(st.integers(0, nodes - 1), max_size=6)) | {0, nodes - 1}):
        found = step_of(node, (nodes, ranks, workers), rows, span, step)
        each, more = divmod(tail, nodes * ranks)  # the first `more` ranks have a row more than the others
        first, end = (edges[0] + each * rank + min(rank, more) for rank in (node * ranks, (node + 1) * ranks))
        assert found.tolist() == list(range(first, end))


def source(name: str, shards: int, size: int) -> Source:
    samples = shards * size
    return Source(
        name=name,
        path=name,
        content=name,
        kind="text",
        samples=samples,
        shards=[(size, shards)],
        tokens={"text": 32 * samples},
    )


def run(lanes: int, batch: int, sources: list[Source], shares: list[int], total: int) -> Schedule:
    rate = {"start": 0, "shape": "linear", "first": 1, "last": 1, "over": 1}
    template = {"seq_len": 32, "tokenizer": synthetic.TOKENIZER, "learning_rate": [rate]}
    phases = [Phase(name="all", start=0, stop=total, shares=shares)]
    return Schedule(seed=5, global_batch=batch, lanes=lanes, sources=sources, phases=phases, **template)


def downloads(schedule: Schedule, nodes: int) -> list[np.ndarray]:
    """By source: shards that each node touches in the run, as a node would that keeps what it has downloaded."""
    position = np.arange(schedule.total_samples)
    node = position % schedule.global_batch // (schedule.global_batch // nodes)
    numbers, ids = schedule.samples(0, schedule.total_samples)
    found = []
    for number, one in enumerate(schedule.sources):
        here, size = numbers == number, one.shards[0][0]
        pairs = np.unique(node[here].astype(np.int64) * len(range(0, one.samples, size)) + ids[here] // size)
        found.append(np.bincount(pairs // (one.samples // size), minlength=nodes))
    return found


@pytest.mark.parametrize(("nodes", "ranks"), [(2, 1), (16, 8), (512, 8)])
def test_a_node_downloads_about_its_share_of_a_pass(nodes, ranks):
    batch = nodes * ranks
    # One pass of the first source, and of the second what a fifth of the draws takes of it.
    shards = 4 * nodes
    size = max(64, 1 << 20 >> (shards - 1).bit_length())
    sources = [source("text", shards, size), source("pairs", shards, size)]
    total = shards * size * 5 // 4 // batch * batch
    text, pairs = downloads(run(nodes, batch, sources, [ALL * 4 // 5, ALL // 5], total), nodes)
    assert text.mean() <= 1.6 * shards / nodes
    assert text.max() <= 2 * shards / nodes
    assert pairs.max() <= shards / nodes + 1
    if nodes > 2:
        without, _ = downloads(run(1, batch, sources, [ALL * 4 // 5, ALL // 5], total), nodes)
        assert without.mean() > 3 * text.mean()


@settings(max_examples=25, deadline=None)
@given(
    share=st.integers(1, ALL - 1),
    ranks=st.sampled_from([1, 2, 4, 8, 64]),
    rows=st.integers(1, 16),
    seed=st.integers(0, 99),
)
def test_image_windows_are_spread_evenly_over_ranks_and_microbatches(share, ranks, rows, seed):
    """With two sources, any contiguous slice of a step holds its share of image windows to within one."""
    batch = ranks * rows
    sources = [source("text", 4, 4096), source("pairs", 4, 4096)]
    schedule = run(1, batch, sources, [ALL - share, share], 64 * batch).model_copy(update={"seed": seed})
    numbers, _ = schedule.samples(0, schedule.total_samples)
    for slice_rows in {rows, max(1, rows // 2)}:  # a rank's rows of a step, and its micro-batches
        steps = numbers.reshape(-1, rows)
        for low in range(0, rows - slice_rows + 1, slice_rows):
            found = steps[:, low : low + slice_rows].sum(axis=1)
            assert abs(found - slice_rows * share / ALL).max() < 1 + 1e-6
            assert found.max() - found.min() <= 1
