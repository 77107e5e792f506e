"""A table is read back as it was made, and knows in which shard each sample lies."""

import json

import pytest

from schemas.manifest import Manifest
from tests.helpers import synthetic
from train.loader.sources.make_table import make_table, receipts_of
from train.loader.sources.shard_table import ShardTable


@pytest.fixture(scope="module", params=[None, "zstd:3"])
def dataset(request, tmp_path_factory) -> tuple[list[dict], Manifest, ShardTable]:
    folder = synthetic.write(tmp_path_factory.mktemp("data"), "text", 60, compression=request.param)
    manifest, index = Manifest.load(folder), (folder / "index.json").read_bytes()
    table = make_table(index, receipts_of(manifest), synthetic.source(folder), str(folder))
    return json.loads(index)["shards"], manifest, table


def test_a_table_read_back_gives_the_shards(dataset, tmp_path):
    index, manifest, made = dataset
    made.save(tmp_path / "shards.npy")
    table = ShardTable.load(tmp_path / "shards.npy", made.layout)
    assert [file.name for file in tmp_path.iterdir()] == ["shards.npy"]
    assert len(table) == len(index)
    for number, (entry, receipt) in enumerate(zip(index, manifest.shards, strict=True)):
        shard = table.shard(number, "folder", in_place=False)
        assert (shard.stored.basename, shard.stored.bytes) == (receipt.name, receipt.bytes)
        assert (len(shard), f"{shard.digest:016x}") == (receipt.samples, receipt.digest)
        assert shard.raw_data.bytes == entry["raw_data"]["bytes"]


def test_every_sample_is_found_in_its_shard(dataset):
    index, _, table = dataset
    places = [(shard, place) for shard, entry in enumerate(index) for place in range(entry["samples"])]
    assert [table.find(sample) for sample in range(60)] == places
    for outside in (-1, 60):
        with pytest.raises(IndexError):
            table.find(outside)
