"""The index is what Streaming's own writer puts down."""

from __future__ import annotations

import json
from pathlib import Path

from streaming import MDSWriter

from dataprep.mds.index import index_json, shard_basename


def test_the_same_index_as_streamings(tmp_path: Path) -> None:
    with MDSWriter(out=str(tmp_path), columns={"x": "int"}, compression="zstd", size_limit=64) as writer:
        for number in range(20):
            writer.write({"x": number})
    theirs = (tmp_path / "index.json").read_bytes()
    shards = json.loads(theirs)["shards"]
    assert index_json(shards) == theirs
    assert [shard_basename(n, compressed=True) for n in range(len(shards))] == [
        shard["zip_data"]["basename"] for shard in shards
    ]
