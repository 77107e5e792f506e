"""Shards of samples that are given whole, for tests that need one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dataprep.mds.layout import Layout
from dataprep.mds.shard import Shard, join_samples


def encode_samples(layout: Layout, number: int, samples: Iterable[Mapping[str, Any]]) -> Shard:
    """Shard `number` of a dataset from `samples` (values by column name)."""
    return join_samples(layout, number, [layout.encode_sample(sample) for sample in samples])
