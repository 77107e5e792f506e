"""A table is what index, manifest and schedule agree on; whatever one of them changes is refused, by name."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from schemas.manifest import Manifest
from schemas.phases import Source
from tests.helpers import synthetic
from train.loader.sources.make_table import make_table, receipts_of
from train.loader.sources.shard_table import ShardTable


@pytest.fixture(scope="module", params=[None, "zstd:3"])
def dataset(request, tmp_path_factory) -> tuple[list[dict], Manifest, Source]:
    root = tmp_path_factory.mktemp("data")
    folder = synthetic.write(root, "text", 60, compression=request.param)
    index = json.loads((folder / "index.json").read_text())["shards"]
    return index, Manifest.load(folder), synthetic.source(folder)


def table_of(index: list[dict], manifest: Manifest, source: Source) -> ShardTable:
    return make_table(json.dumps({"version": 2, "shards": index}).encode(), receipts_of(manifest), source, "place")


@given(data=st.data())
def test_any_change_of_the_index_is_refused(dataset, data):
    index, manifest, source = dataset
    index = copy.deepcopy(index)
    at = data.draw(st.integers(0, len(index) - 1))
    stored = "zip_data" if index[at]["zip_data"] else "raw_data"
    kind = data.draw(st.sampled_from(["samples", "bytes", "name", "drop", "twice", "swap", "column", "field"]))
    if kind == "samples":
        index[at]["samples"] += data.draw(st.integers(1, 99))
    elif kind == "bytes":
        index[at][stored]["bytes"] += data.draw(st.integers(1, 99))
    elif kind == "name":
        index[at]["raw_data"]["basename"] = "shard.09999.mds"
        if index[at]["zip_data"]:
            index[at]["zip_data"]["basename"] = "shard.09999.mds.zstd"
    elif kind == "drop":
        del index[at]
    elif kind == "twice":
        index.insert(at, index[at])
    elif kind == "swap":
        index[0], index[-1] = index[-1], index[0]
    elif kind == "column":
        index[at]["column_encodings"] = ["ndarray:uint16:31"]
        index[(at + 1) % len(index)]["column_encodings"] = ["ndarray:uint16:33"]
    else:
        del index[at][data.draw(st.sampled_from(["samples", "raw_data", "zip_data", "compression", "column_names"]))]
    with pytest.raises(InputError, match=r"source 'text'.*; write the dataset again"):
        table_of(index, manifest, source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "is damaged, or not MDS 2 .ValidationError: Invalid enum value 3 - at `[$].shards"),
        ({"format": "csv"}, "not MDS 2"),
        ({"samples": 10**30}, "is damaged, or not MDS 2"),
        ({"column_encodings": ["pkl"]}, "is pkl, which runs code when it is read"),
        ({"column_names": [1]}, "is damaged, or not MDS 2"),
    ],
)
def test_what_an_index_may_not_say_of_its_shards(dataset, change, message):
    index, manifest, source = dataset
    with pytest.raises(InputError, match=message):
        table_of([{**entry, **change} for entry in index], manifest, source)


@pytest.mark.parametrize("digest", ["xyz", "0" * 17, "0" * 32])
def test_a_digest_that_is_none(dataset, digest):
    _, manifest, _ = dataset
    receipts = [manifest.shards[0].model_copy(update={"digest": digest}), *manifest.shards[1:]]
    with pytest.raises(InputError, match="damaged manifest: a digest is not 16 hex digits"):
        receipts_of(manifest.model_copy(update={"shards": receipts}))


def test_columns_that_are_written_differently_are_the_same(dataset):
    index, manifest, source = dataset
    text = json.dumps({"version": 2, "shards": index}).replace('["tokens"]', '[ "tokens" ]', 1)
    made = make_table(text.encode(), receipts_of(manifest), source, "place")
    assert made.layout == table_of(index, manifest, source).layout


def test_another_cut_into_shards_than_the_schedules(dataset):
    index, manifest, source = dataset
    other = source.model_copy(update={"shards": [(1, 60)]})
    with pytest.raises(InputError, match="are not those that the schedule was compiled for; compile the schedule"):
        table_of(index, manifest, other)


def test_a_column_without_an_encoding(dataset):
    index, manifest, source = dataset
    with pytest.raises(InputError, match="mixes layouts"):
        table_of([{**entry, "column_encodings": []} for entry in index], manifest, source)


def test_an_empty_dataset(dataset):
    _, manifest, _ = dataset
    with pytest.raises(InputError, match="the dataset is empty"):
        receipts_of(manifest.model_copy(update={"shards": []}))
