"""Turns dealt to lanes are a permutation of every pass, known from the past alone, and near each other for a lane."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.order.mixing import SHARE_UNIT
from schemas.schedule import Schedule
from tests.schemas.test_schedule import schedule, schedules, source


@st.composite
def laned(draw: st.DrawFn) -> Schedule:
    run = draw(schedules(max_sources=4))
    lanes = draw(st.integers(2, 8))
    return run.model_copy(update={"lanes": lanes, "global_batch": lanes * draw(st.integers(1, 12))})


@settings(max_examples=30, deadline=None)
@given(laned(), st.data())
def test_a_pass_is_whole_whatever_the_lanes(run: Schedule, data: st.DataObject) -> None:
    ids, chosen = run.samples(0, run.total_samples)
    plain_ids, _ = run.model_copy(update={"lanes": 1}).samples(0, run.total_samples)
    assert np.array_equal(ids, plain_ids), "lanes choose samples, never sources"
    for number, one in enumerate(run.sources):
        mine = chosen[ids == number]
        for start in range(0, len(mine), one.samples):
            turn = mine[start : start + one.samples]
            assert len(set(turn.tolist())) == len(turn)
            assert ((turn >= 0) & (turn < one.samples)).all()
    low = data.draw(st.integers(0, run.total_samples))
    high = data.draw(st.integers(low, run.total_samples))
    assert np.array_equal(run.samples(low, high)[1], chosen[low:high])
    for position in data.draw(st.lists(st.integers(0, run.total_samples - 1), max_size=10)):
        assert run.sample(position) == (int(ids[position]), int(chosen[position]))


@settings(max_examples=25, deadline=None)
@given(laned(), st.data())
def test_the_future_does_not_change_what_was_dealt(run: Schedule, data: st.DataObject) -> None:
    stop = data.draw(st.integers(1, run.total_samples))
    short = run.cut(stop)
    assert short.hash == run.prefix_hash(stop)
    assert np.array_equal(short.samples(0, stop)[1], run.samples(0, stop)[1])


def test_lanes_and_the_batch_that_they_were_cut_from_are_part_of_the_past() -> None:
    run = schedule([source("a", [50])], [{"length": 64, "shares": [SHARE_UNIT]}])
    other_batch = run.model_copy(update={"global_batch": 32})
    assert other_batch.hash == run.hash
    two = run.model_copy(update={"lanes": 2})
    assert two.hash != run.hash
    assert two.model_copy(update={"global_batch": 32}).hash != two.hash


def touched(run: Schedule, nodes: int) -> list[float]:
    """Part of each source's shards that the busiest node opens over the whole run."""
    ids, chosen = run.samples(0, run.total_samples)
    node = np.arange(run.total_samples) % run.global_batch * nodes // run.global_batch
    found = []
    for number, one in enumerate(run.sources):
        (size, shards), mine = one.shards[0], ids == number
        seen = np.zeros((nodes, shards), bool)
        seen[node[mine], chosen[mine] // size] = True
        found.append(float(seen.mean(axis=1).max()))
    return found


def uniform(name: str, shards: int, size: int = 64) -> Any:
    one = source(name, [size])
    return one.model_copy(update={"samples": shards * size, "shards": [(size, shards)]})


def test_a_node_opens_its_part_of_the_shards() -> None:
    """One pass of 1,024 shards on 16 nodes: a sixteenth each, for one source and for both of two."""
    part = 1 / 16
    for weights in ([1], [9, 1]):
        shares = [SHARE_UNIT * weight // sum(weights) for weight in weights]
        sources = [uniform(f"s{i}", 1024 * weight // weights[0]) for i, weight in enumerate(weights)]
        total = sources[0].samples * SHARE_UNIT // shares[0] // 128 * 128
        run = schedule(sources, [{"length": total, "shares": shares}], global_batch=128, lanes=16)
        assert touched(run, 16)[0] <= part + 3 / 1024
        assert touched(run, 4)[0] <= 4 * part + 6 / 1024, "any divisor of the lanes"
        assert touched(run.model_copy(update={"lanes": 1}), 16)[0] > 0.9


def test_draws_that_always_fall_into_the_same_slices_still_make_whole_passes_near_home() -> None:
    """A share of 1/8 on slices of 4 samples: every second slice never sees the source."""
    sources = [uniform("text", 2048), uniform("pairs", 256)]
    total = 256 * 64 * 8
    run = schedule(
        sources, [{"length": total, "shares": [SHARE_UNIT * 7 // 8, SHARE_UNIT // 8]}], global_batch=64, lanes=16
    )
    ids, chosen = run.samples(0, total)
    assert np.array_equal(np.sort(chosen[ids == 1]), np.arange(sources[1].samples))
    assert touched(run, 16)[1] <= 1 / 8 + 8 / 256, "eight nodes share what sixteen cannot"


def test_threads_that_ask_at_once_get_what_one_gets() -> None:
    """Streaming walks a worker's samples in several threads."""
    sources = [uniform("text", 64), uniform("pairs", 16)]
    shares = [SHARE_UNIT * 7 // 8, SHARE_UNIT // 8]
    run = schedule(sources, [{"length": 16 * 64 * 8, "shares": shares}], global_batch=64, lanes=16)
    starts = [*range(0, run.total_samples, 256)]
    expected = [run.samples(start, start + 256)[1].tolist() for start in starts]
    again = Schedule.model_validate_json(run.model_dump_json())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda start: again.samples(start, start + 256)[1].tolist(), reversed(starts)))
    assert found[::-1] == expected
