from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming import MDSWriter, StreamingDataset
from streaming.base.util import clean_stale_shared_memory

from dataprep.mds.index import index_json
from dataprep.mds.layout import Layout
from dataprep.mds.shard import Shard, write_rows, write_samples
from tests.helpers.samples import encode_samples

COLUMNS = {
    "tokens": "ndarray:uint16:8",
    "images": "bytes",
    "image_lengths": "ndarray:uint32",
    "grid": "ndarray:float32:2,3",
    "caption": "str",
    "number": "int",
    "big": "ndarray:uint8",
}


def sample(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "tokens": rng.integers(0, 65536, 8, dtype=np.uint16),
        "images": rng.bytes(int(rng.integers(0, 50))),
        "image_lengths": rng.integers(0, 100, int(rng.integers(1, 5)), dtype=np.uint32),
        "grid": rng.random((2, 3), dtype=np.float32),
        "caption": "é" * seed,
        "number": -seed,
        "big": np.full((300, 2), seed, np.uint8),
    }


def write(folder: Path, shards: list[Shard]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for shard in shards:
        (folder / shard.basename).write_bytes(shard.data)
    (folder / "index.json").write_bytes(index_json([shard.entry for shard in shards]))


def test_bytes_equal_those_of_streamings_own_writer(tmp_path: Path) -> None:
    samples = [sample(seed) for seed in range(7)]
    with MDSWriter(columns=COLUMNS, out=str(tmp_path / "theirs"), hashes=["xxh64"], size_limit=None) as writer:
        for one in samples:
            writer.write(one)
    write(tmp_path / "ours", [encode_samples(Layout(COLUMNS), 0, samples)])
    for name in ("shard.00000.mds", "index.json"):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()


@pytest.mark.parametrize("compression", [None, "zstd"])
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_rows_written_piece_by_piece_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, compression: str | None, pieces: list[int]
) -> None:
    layout, count = Layout({"tokens": "ndarray:uint32:4"}, compression), sum(pieces)
    tokens = np.arange(4 * count, dtype=np.uint32).reshape(count, 4)
    whole = encode_samples(layout, 3, [{"tokens": row} for row in tokens])
    path = tmp_path_factory.mktemp("shard") / "shard"
    stored = write_rows(layout, 3, count, np.split(tokens, np.cumsum(pieces)[:-1]), path)
    assert path.read_bytes() == whole.data
    assert (stored.entry, stored.bytes, stored.digest) == (whole.entry, len(whole.data), whole.digest)


@pytest.mark.parametrize("compression", [None, "zstd"])
@given(st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_samples_written_one_at_a_time_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, compression: str | None, seeds: list[int]
) -> None:
    layout = Layout(COLUMNS, compression)
    whole = encode_samples(layout, 3, [sample(seed) for seed in seeds])
    encoded = [layout.encode_sample(sample(seed)) for seed in seeds]
    path = tmp_path_factory.mktemp("shard") / "shard"
    stored = write_samples(layout, 3, [*map(len, encoded)], iter(encoded), path)
    assert path.read_bytes() == whole.data
    assert (stored.entry, stored.bytes, stored.digest) == (whole.entry, len(whole.data), whole.digest)


def test_samples_of_other_sizes_than_announced_are_refused(tmp_path: Path) -> None:
    layout = Layout({"x": "bytes"})
    sizes = [len(layout.encode_sample({"x": b"ab"}))] * 2
    for number, values in enumerate([[b"ab", b"abc"], [b"ab"], [b"ab"] * 3]):
        encoded = (layout.encode_sample({"x": value}) for value in values)
        with pytest.raises(ValueError, match=r"a sample of 7 bytes, announced as 6|argument 2 is (shorter|longer)"):
            write_samples(layout, 0, sizes, encoded, tmp_path / str(number))


def test_missing_and_misshapen_rows_are_refused(tmp_path: Path) -> None:
    layout, rows = Layout({"tokens": "ndarray:uint16:4"}), np.zeros((3, 4), np.uint16)
    with pytest.raises(ValueError, match="3 rows for a shard of 4 samples"):
        write_rows(layout, 0, 4, [rows], tmp_path / "a")
    with pytest.raises(ValueError, match="expected uint16"):
        write_rows(layout, 0, 3, [rows.astype(np.uint32)], tmp_path / "b")


@pytest.mark.parametrize("compression", [None, "zstd", "zstd:7"])
def test_stock_streaming_reads_it(tmp_path: Path, compression: str | None) -> None:
    samples = [sample(seed) for seed in range(6)]
    samples[2]["image_lengths"] = np.empty(0, np.uint32)
    layout = Layout(COLUMNS, compression, 1 << 26)
    write(tmp_path, [encode_samples(layout, n, samples[3 * n : 3 * n + 3]) for n in range(2)])
    clean_stale_shared_memory()
    dataset = StreamingDataset(
        local=str(tmp_path), shuffle=False, batch_size=1, allow_unsafe_types=False, validate_hash="xxh64"
    )
    assert len(dataset) == 6
    for expected, found in zip(samples, (dataset[i] for i in range(6)), strict=True):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="pkl"):
        Layout({"x": "pkl"}).header  # noqa: B018
    with pytest.raises(ValueError, match=r"expected uint16\[4\], got uint32\[4\]"):
        encode_samples(Layout({"x": "ndarray:uint16:4"}), 0, [{"x": np.zeros(4, np.uint32)}])
    with pytest.raises(ValueError, match="at least one sample"):
        encode_samples(Layout({"x": "bytes"}), 0, [])
    with pytest.raises(ValueError, match="brotli"):
        encode_samples(Layout({"x": "bytes"}, "brotli"), 0, [{"x": b""}])


def test_index_lists_shards_in_order() -> None:
    shards = [encode_samples(Layout({"x": "bytes"}), n, [{"x": b"a"}]) for n in (1, 0)]
    listed = json.loads(index_json([shard.entry for shard in shards]))
    assert [one["raw_data"]["basename"] for one in listed["shards"]] == ["shard.00001.mds", "shard.00000.mds"]
