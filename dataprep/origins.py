"""Which row is behind which position of an image dataset: a Parquet sidecar, one part per task, one row per item.

A takedown request names a URL, an odd gradient names a sample; both lead here. `sample` counts within the task's
shards, `start` is the item's first position in that window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = "provenance"


class Traceable(Protocol):
    """What a row of the sidecar is made from; `dataprep.windows.Item` is one."""

    @property
    def name(self) -> str:
        """The input row."""

    @property
    def ids(self) -> Any:
        """Its ids."""

    @property
    def images(self) -> Sequence[Any]:
        """Its images."""

    @property
    def origin(self) -> Mapping[str, str | None]:
        """Where it comes from."""


def part_file(task: int) -> str:
    """Name of the part of task number `task`, below the dataset's root."""
    return f"{FOLDER}/{task:05}.parquet"


def parquet(items: Sequence[Traceable], windows: Sequence[Sequence[int]]) -> bytes:
    """The part's bytes: a row for each of `items` in the order in which `windows` (indices into `items`) hold them."""
    rows: list[dict[str, Any]] = []
    for sample, window in enumerate(windows):
        start = 0
        for item in (items[index] for index in window):
            place = {"sample": sample, "start": start, "tokens": len(item.ids), "images": len(item.images)}
            rows.append({**place, "row": item.name, **item.origin})
            start += len(item.ids)
    fields = [(name, pa.int32()) for name in ("sample", "start", "tokens", "images")]
    texts = ["row", *(items[0].origin if items else ())]
    schema = pa.schema([*fields, *((name, pa.string()) for name in texts)])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink, compression="zstd")
    return bytes(sink.getvalue())
