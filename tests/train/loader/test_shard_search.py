"""The binary search agrees with Streaming's own table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming.base.spanner import Spanner

from train.loader.shard_search import ShardSearch


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_equals_streamings_table(sizes):
    ours, theirs = ShardSearch(np.array(sizes)), Spanner(np.array(sizes), 4)
    assert [ours[i] for i in range(sum(sizes))] == [tuple(map(int, theirs[i])) for i in range(sum(sizes))]


def test_outside_is_an_error():
    with pytest.raises(IndexError):
        ShardSearch(np.array([2, 3]))[5]
