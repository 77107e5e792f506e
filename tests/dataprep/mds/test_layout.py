"""A sample's size and a shard's size are known before their bytes are made."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.mds.layout import Layout
from tests.helpers.samples import encode_samples

LAYOUT = Layout({"tokens": "ndarray:uint16:4", "images": "bytes", "lengths": "ndarray:uint32", "caption": "str"})


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 5), st.text(max_size=9)), min_size=1, max_size=4))
def test_sizes_are_known_beforehand(rows: list[tuple[bytes, int, str]]) -> None:
    samples = [
        {"tokens": np.zeros(4, np.uint16), "images": images, "lengths": np.zeros(count, np.uint32), "caption": caption}
        for images, count, caption in rows
    ]
    sizes = []
    for sample in samples:
        variable = sum(len(one.encode(sample[one.name])) for one in LAYOUT.in_order if one.size is None)
        sizes.append(LAYOUT.sample_bytes(variable))
        assert sizes[-1] == len(LAYOUT.encode_sample(sample))
    assert LAYOUT.bytes_of(sum(sizes), len(sizes)) == len(encode_samples(LAYOUT, 0, samples).data)


def test_a_value_in_pieces_gives_the_same_sample() -> None:
    rest = {"tokens": np.arange(4, dtype=np.uint16), "lengths": np.array([2, 3], np.uint32), "caption": "c"}
    assert LAYOUT.encode_sample({**rest, "images": [b"ab", b"cde"]}) == LAYOUT.encode_sample(
        {**rest, "images": b"abcde"}
    )
