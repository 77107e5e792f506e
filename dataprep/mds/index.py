"""Assembles `index.json`, which Streaming reads first, from shard entries that tasks put into their receipts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

ShardEntry = dict[str, Any]
"""One element of the index's `shards`, as Streaming's own writer would put it."""


def shard_basename(number: int, *, compressed: bool = False) -> str:
    """File name of shard `number`."""
    return f"shard.{number:05}.mds" + (".zstd" if compressed else "")


def index_json(shards: Sequence[ShardEntry]) -> bytes:
    """The bytes of `index.json` over `shards`, in that order."""
    return json.dumps({"version": 2, "shards": list(shards)}, sort_keys=True).encode()
