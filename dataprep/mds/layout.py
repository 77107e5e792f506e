"""Encodes samples of an MDS dataset: columns, compression, and the bytes of one sample.

A sample is the u32 sizes of its variable columns, then all values in the order of the sorted column names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dataprep.mds.encodings import Column, column

HASH = "xxh64"


@dataclass(frozen=True)
class Layout:
    """Holds what all shards of a dataset share."""

    columns: Mapping[str, str]
    """Encoding by column name."""
    compression: str | None = None
    """None, `zstd` (level 3) or `zstd:LEVEL`."""
    size_limit: int | None = None
    """Recorded in the index for the reader's information: raw bytes at which the job starts a new shard."""

    @cached_property
    def in_order(self) -> list[Column]:
        """The columns as samples hold them."""
        return [column(name, self.columns[name]) for name in sorted(self.columns)]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The JSON block inside every shard, and the common part of every index entry."""
        return {
            "version": 2,
            "format": "mds",
            "compression": self.compression,
            "hashes": [HASH],
            "size_limit": self.size_limit,
            "column_names": [one.name for one in self.in_order],
            "column_encodings": [one.encoding for one in self.in_order],
            "column_sizes": [one.size for one in self.in_order],
        }

    @cached_property
    def header(self) -> bytes:
        """The JSON block's bytes."""
        return json.dumps(self.config, sort_keys=True).encode()

    def encode_sample(self, sample: Mapping[str, Any]) -> bytes:
        """One sample's bytes: sizes of the variable columns (u32 each), then the values.

        A `bytes` value may come as a list of pieces, which are copied once instead of twice.
        """
        sizes: list[int] = []
        parts: list[bytes] = [b""]
        for one in self.in_order:
            value = sample[one.name]
            pieces = value if isinstance(value, list) else [one.encode(value)]
            if one.size is None:
                sizes.append(sum(map(len, pieces)))
            parts += pieces
        parts[0] = np.array(sizes, np.uint32).tobytes()
        return b"".join(parts)

    def sample_bytes(self, variable: int) -> int:
        """Size of a sample whose variable columns have `variable` bytes in all."""
        return sum(4 if one.size is None else one.size for one in self.in_order) + variable

    def bytes_of(self, sample_bytes: int, samples: int) -> int:
        """Size of a shard whose `samples` samples have `sample_bytes` bytes in all."""
        return 4 + 4 * (samples + 1) + len(self.header) + sample_bytes
