"""Finds the rows that a takedown is about in the provenance sidecar: by uid, by URL, or by host."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep.engine.checksums import Checksums
from dataprep.provenance import row_parts
from dataprep.storage.urls import on_host
from schemas import row_provenance
from schemas.manifest import Manifest

_THREADS = 8


@dataclass(frozen=True)
class Request:
    """Names what is to go; a row goes when any of these names it."""

    uids: frozenset[str] = frozenset()
    """Uids of pairs, or ids of conversations."""
    urls: frozenset[str] = frozenset()
    """Exact URLs."""
    hosts: frozenset[str] = frozenset()
    """Host names; their subdomains are meant too."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hosts", frozenset(host.lower().strip(".") for host in self.hosts))

    def __bool__(self) -> bool:
        return bool(self.uids or self.urls or self.hosts)

    def rows_of(self, table: pa.Table) -> list[int]:
        """Indices of the rows of a provenance table that are meant, ascending."""
        ids = table["uid" if "uid" in table.column_names else "id"]
        meant = pc.is_in(ids, pa.array(sorted(self.uids), pa.string()))
        if "url" in table.column_names:
            meant = pc.or_(meant, pc.is_in(table["url"], pa.array(sorted(self.urls), pa.string())))
            for host in self.hosts:  # a cheap look first: parsing every URL of a large dataset takes hours
                near = pc.fill_null(pc.match_substring(table["url"], host, ignore_case=True), False)
                near_urls = zip(near.to_pylist(), table["url"].to_pylist(), strict=True)
                exact = [is_near and on_host(url, self.hosts) for is_near, url in near_urls]
                meant = pc.or_(meant, pa.array(exact, pa.bool_()))
        return [int(index) for index in np.flatnonzero(np.asarray(meant))]


@dataclass(frozen=True)
class Gone:
    """A row that a request names, and where it stands."""

    task: int
    row: int
    """In the task's provenance part."""
    sample: int
    """Among the task's samples."""
    uid: str
    tokens: int
    images: int


def find(out: str, manifest: Manifest, request: Request) -> list[Gone]:
    """The rows that `request` names, in the dataset's order."""
    tasks, sums = sorted({row_provenance.task_of(shard.name) for shard in manifest.shards}), Checksums.load(out)
    with ThreadPoolExecutor(_THREADS) as pool:
        return [one for found in pool.map(functools.partial(_find, sums, request), tasks) for one in found]


def _find(sums: Checksums, request: Request, task: int) -> list[Gone]:
    table = row_parts.read_part(sums, task)
    rows = request.rows_of(table)
    ids = "uid" if "uid" in table.column_names else "id"
    named = table.take(pa.array(rows, pa.int64()))
    columns = [named[name].to_pylist() for name in ("sample", ids, "tokens", "images")]
    return [Gone(task, row, *values) for row, *values in zip(rows, *columns, strict=True)]
