from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streaming import MDSWriter, StreamingDataset
from streaming.base.util import clean_stale_shared_memory

from dataprep.mds.index import index_json
from dataprep.mds.shard import Layout, Shard, encode_matrix, encode_samples

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


def test_the_matrix_path_gives_the_same_bytes() -> None:
    layout = Layout({"tokens": "ndarray:uint32:4", "loss_mask": "ndarray:uint8:4"})
    tokens, mask = np.arange(40, dtype=np.uint32).reshape(10, 4), np.ones((10, 4), np.uint8)
    slow = encode_samples(layout, 3, [{"tokens": tokens[i], "loss_mask": mask[i]} for i in range(10)])
    assert encode_matrix(layout, 3, {"tokens": tokens, "loss_mask": mask}) == slow


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
