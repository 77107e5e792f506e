"""What was written is read; a shard with a byte changed or cut off is read, or refused in one way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.mds.layout import Layout
from dataprep.mds.read import decode, fixed_column, offsets, raw_bytes, samples
from tests.helpers.samples import encode_samples

COLUMNS = {"tokens": "ndarray:uint16:4", "images": "bytes", "lengths": "ndarray:uint32", "caption": "str"}
LAYOUT = Layout(COLUMNS)
ROWS = st.tuples(st.binary(max_size=9), st.lists(st.integers(0, 2**32 - 1), max_size=3), st.text(max_size=5))


def row(number: int, images: bytes, lengths: list[int], caption: str) -> dict[str, object]:
    tokens = np.arange(number, number + 4, dtype=np.uint16)
    return {"tokens": tokens, "images": images, "lengths": np.array(lengths, np.uint32), "caption": caption}


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_what_was_written_is_read(drawn: list[tuple[bytes, list[int], str]]) -> None:
    rows = [row(number, *one) for number, one in enumerate(drawn)]
    shard = encode_samples(LAYOUT, 0, rows)
    raw = raw_bytes(shard.data, shard.entry)
    for found, expected in zip((decode(LAYOUT, one) for one in samples(raw, len(rows))), rows, strict=True):
        for name, value in expected.items():
            assert np.array_equal(found[name], value) if isinstance(value, np.ndarray) else found[name] == value
    tokens = np.concatenate(list(fixed_column(raw, shard.entry, "tokens")))
    assert tokens.tolist() == [list(range(number, number + 4)) for number in range(len(rows))]


@given(st.data())
def test_damage_is_a_value_error_or_goes_unnoticed(data: st.DataObject) -> None:
    """Hashes notice the rest: here it counts that no other error comes, and that the table always fits."""
    shard = encode_samples(LAYOUT, 0, [row(0, b"abc", [1, 2], "x"), row(7, b"", [3], "yz")])
    damaged = bytearray(shard.data)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    raw = bytes(damaged[: data.draw(st.integers(0, len(damaged)))]) if data.draw(st.booleans()) else bytes(damaged)
    try:
        table = offsets(raw, 2).tolist()
    except ValueError:
        return
    assert all(0 < low <= high <= len(raw) for low, high in itertools.pairwise(table))
    for one in samples(raw, 2):
        try:
            decode(LAYOUT, one)
        except ValueError:
            continue


def test_the_size_of_the_index_counts() -> None:
    shard = encode_samples(LAYOUT, 0, [row(0, b"", [], "")])
    with pytest.raises(ValueError, match="the index says"):
        raw_bytes(shard.data[:-1], shard.entry)
    with pytest.raises(ValueError, match="cannot be decompressed"):
        raw_bytes(b"no zstd", {**shard.entry, "compression": "zstd"})
