"""Held-out rows are read without a trace, by many at once, and not at all if the manifest disowns them."""

import json
from pathlib import Path

import numpy as np
import pytest
from streaming import MDSWriter

from schemas.errors import InputError
from schemas.manifest import Manifest
from tests.train import synthetic
from train.evaluation.held_out_rows import held_out_rows


@pytest.fixture
def dataset(tmp_path) -> Path:
    """60 rows of text in zstd shards, as dataprep writes them for held-out text."""
    folder = synthetic.write(tmp_path, "text", 60)
    manifest = Manifest.load(folder)
    packed, rng = tmp_path / "packed", np.random.default_rng(0)
    columns = synthetic.COLUMNS["text"]
    with MDSWriter(out=str(packed), columns=columns, size_limit=1 << 10, compression="zstd:3") as writer:
        for index in range(60):
            writer.write(synthetic.sample("text", index, rng))
    shards = json.loads((packed / "index.json").read_text())["shards"]
    receipts = [synthetic.receipt(packed, shard["zip_data"], shard["samples"]) for shard in shards]
    (packed / "manifest.json").write_text(manifest.model_copy(update={"shards": receipts}).model_dump_json())
    return packed


def read(dataset: Path, limit: int | None = None) -> list[int]:
    with held_out_rows(dataset, Manifest.load(dataset), limit) as rows:
        tokens = [row["tokens"] for row in rows]
    return [50 * (int(row[1]) - 2) + int(row[2]) - 2 for row in tokens]


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_rows_come_in_order_and_the_dataset_is_left_as_it_was(dataset):
    before = files(dataset)
    assert read(dataset) == list(range(60))
    assert read(dataset, 7) == list(range(7))
    assert files(dataset) == before


def test_two_at_once_do_not_meet(dataset):
    manifest = Manifest.load(dataset)
    with held_out_rows(dataset, manifest, None) as first, held_out_rows(dataset, manifest, None) as second:
        pairs = list(zip(first, second, strict=True))
    assert len(pairs) == 60
    assert all((one["tokens"] == other["tokens"]).all() for one, other in pairs)


def test_shards_are_those_of_the_manifest(dataset):
    names = [shard.name for shard in Manifest.load(dataset).shards]
    whole = (dataset / names[1]).read_bytes()
    (dataset / names[1]).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match=rf"{names[1]}: damaged shard: its hash is"):
        read(dataset)
    first = Manifest.load(dataset).shards[0].samples
    assert read(dataset, first) == list(range(first)), "what is not asked for is not looked at"
    (dataset / names[1]).unlink()
    with pytest.raises(InputError, match=rf"{names[1]}: cannot read the shard"):
        read(dataset)


def test_an_index_that_is_another(dataset):
    index = json.loads((dataset / "index.json").read_text())
    index["shards"].pop()
    (dataset / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"index.json: the index has other shards than the manifest"):
        read(dataset)
    (dataset / "index.json").write_text("{")
    with pytest.raises(InputError, match=r"index.json: damaged index"):
        read(dataset)
    (dataset / "index.json").unlink()
    with pytest.raises(InputError, match=r"index.json: cannot read the index .*; prepare the dataset again"):
        read(dataset)
