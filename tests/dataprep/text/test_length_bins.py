from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.text.length_bins import EDGES, counted, quantile


@given(st.lists(st.integers(1, 1 << 30), min_size=1, max_size=50))
def test_every_document_is_in_the_bin_of_its_length(tokens: list[int]) -> None:
    counts = counted(np.array(tokens, np.int64))
    assert counts.sum() == len(tokens)
    upper = [*EDGES[1:].tolist(), 1 << 62]
    for low, high, count in zip(EDGES.tolist(), upper, counts.tolist(), strict=True):
        assert count == sum(low <= one < high for one in tokens)
    low, high = quantile(counts.tolist(), 0.5)
    assert low <= sorted(tokens)[(len(tokens) - 1) // 2] < high


def test_counts_add_up_over_batches() -> None:
    tokens = np.arange(1, 5000, dtype=np.int64)
    np.testing.assert_array_equal(counted(tokens), counted(tokens[:77]) + counted(tokens[77:]))
