"""A pass visits every sample once, in another order each time, and stays near itself on disk."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.order.pass_order import PassOrder, pass_order

shard_sizes = st.lists(st.integers(1, 400), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(shard_sizes, st.integers(0, 2**64 - 1), st.integers(1, 3000))
def test_every_sample_comes_once(sizes: list[int], key: int, block: int) -> None:
    total = sum(sizes)
    ids = PassOrder(sizes, key, block)(np.arange(total, dtype=np.int64))
    assert np.array_equal(np.sort(ids), np.arange(total))


@settings(max_examples=60, deadline=None)
@given(shard_sizes, st.integers(0, 2**64 - 1), st.integers(1, 3000), st.data())
def test_asked_in_any_order_and_number_it_answers_the_same(
    sizes: list[int], key: int, block: int, data: st.DataObject
) -> None:
    order = PassOrder(sizes, key, block)
    whole = order(np.arange(sum(sizes), dtype=np.int64))
    turns = np.array(data.draw(st.lists(st.integers(0, sum(sizes) - 1), max_size=30)), np.int64)
    assert order(turns).tolist() == whole[turns].tolist()
    assert [order.one(turn) for turn in turns.tolist()] == whole[turns].tolist()


@settings(max_examples=40, deadline=None)
@given(shard_sizes, st.integers(0, 2**64 - 1), st.integers(1, 3000))
def test_a_block_touches_its_own_shards_alone(sizes: list[int], key: int, block: int) -> None:
    order = PassOrder(sizes, key, block)
    shard_of = np.repeat(np.arange(len(sizes)), sizes)
    ids = order(np.arange(sum(sizes), dtype=np.int64))
    seen: set[int] = set()
    start = 0
    for end in order._block_end.tolist():
        shards = set(shard_of[ids[start:end]].tolist())
        assert not shards & seen
        assert end - start == sum(sizes[shard] for shard in shards)
        assert end - start >= min(block, sum(sizes))
        seen |= shards
        start = end


def test_passes_differ_by_number_seed_and_source() -> None:
    turns = np.arange(1000, dtype=np.int64)
    orders = [
        pass_order([100] * 10, *key)(turns).tolist() for key in ((7, "a", 0), (7, "a", 1), (8, "a", 0), (7, "b", 0))
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_golden_order() -> None:
    assert pass_order([3, 4, 5], 7, "text", 0)(np.arange(12, dtype=np.int64)).tolist() == [
        7,
        4,
        5,
        9,
        8,
        3,
        10,
        11,
        1,
        2,
        6,
        0,
    ]
