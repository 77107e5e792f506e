from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.text.token_stream import Reader, TokenStream, Windows, shard_bounds, shuffle_key

PAD = 1


def make_stream(folder: Path, counts: list[int]) -> tuple[TokenStream, np.ndarray]:
    ids = (np.arange(sum(counts)) % 60000 + 2).astype(np.uint16)
    starts = np.cumsum([0, *counts])
    for number, (low, high) in enumerate(pairwise(starts)):
        (folder / f"{number}.bin").write_bytes(ids[low:high].tobytes())
    uris = tuple(str(folder / f"{number}.bin") for number in range(len(counts)))
    return TokenStream(uris, tuple(counts), "uint16"), ids


counts_of_files = st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(any)


@given(counts_of_files, st.integers(1, 17), st.one_of(st.none(), st.integers(0, 3)), st.integers(1, 9))
def test_windows_of_all_shards_are_the_stream_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], length: int, seed: int | None, per_shard: int
) -> None:
    stream, ids = make_stream(tmp_path_factory.mktemp("s"), counts)
    windows = Windows(stream, length, PAD, None if seed is None else shuffle_key(seed, "train"))
    bounds = shard_bounds(windows.count, per_shard)
    chosen = [windows.at(np.arange(low, high)) for low, high in pairwise(bounds)]
    with Reader(stream.uris) as reader:
        rows = np.concatenate([windows.gather(one, reader) for one in chosen])
    order = np.concatenate(chosen)
    assert sorted(order) == list(range(windows.count))
    restored = np.empty_like(rows)
    restored[order] = rows
    expected = np.concatenate([ids, np.full(windows.padding, PAD, np.uint16)])
    np.testing.assert_array_equal(restored.reshape(-1), expected)
    assert windows.padding < length


@given(counts_of_files, st.integers(0, 330), st.integers(0, 60))
def test_any_range_reads_as_the_array_does(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], start: int, length: int
) -> None:
    stream, ids = make_stream(tmp_path_factory.mktemp("s"), counts)
    start = min(start, len(ids))
    np.testing.assert_array_equal(stream.read(start, start + length), ids[start : start + length])


@given(st.integers(1, 1000), st.integers(1, 100))
def test_shards_are_few_and_equal(samples: int, per_shard: int) -> None:
    sizes = np.diff(shard_bounds(samples, per_shard))
    assert sizes.sum() == samples
    assert len(sizes) == -(-samples // per_shard)
    assert 1 <= sizes.min() <= sizes.max() <= min(per_shard, sizes.min() + 1)


def test_files_beyond_the_limit_are_opened_again_and_short_ones_are_told(tmp_path: Path) -> None:
    stream, ids = make_stream(tmp_path, [8] * 5)
    piece = np.empty(4, np.uint16)
    with Reader(stream.uris) as reader:
        reader.MOST = 2
        for number in (0, 1, 2, 3, 4, 0, 3):
            reader.read(number, 8, piece)
            np.testing.assert_array_equal(piece, ids[8 * number + 4 : 8 * number + 8])
        with pytest.raises(EOFError, match=r"4\.bin is shorter"):
            reader.read(4, 10, piece)
