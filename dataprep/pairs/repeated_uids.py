"""Finds uids that repeat across tars, for every job that does not deduplicate: repeats must not pass unnoticed.

The provenance parts have the uids; their 64-bit hashes go to buckets, a few large arrays for each, and are counted.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

import numpy as np
import xxhash
from pyspark.sql import SparkSession

from dataprep.engine.checksums import Checksums
from dataprep.provenance import row_parts

_HASHES = 1 << 24
"""A bucket holds about so many hashes (128 MB), at some 10,000 rows a part."""


def repeated(spark: SparkSession, out: str, parts: int) -> int:
    """How many uids occur in more than one of the `parts` provenance parts of `out`."""
    if parts < 2:
        return 0
    buckets = 1 + parts * 10_000 // _HASHES
    split = functools.partial(_split, out=out, buckets=buckets)
    numbers = spark.sparkContext.parallelize(range(parts), min(parts, 4 * spark.sparkContext.defaultParallelism))
    return int(numbers.flatMap(split).groupByKey(buckets).map(_count).sum())


def _split(part: int, *, out: str, buckets: int) -> Iterator[tuple[int, bytes]]:
    table = row_parts.read_part(Checksums(out), part)
    if not table.num_rows:  # of a tar without a fit pair; such a part has no uids
        return
    uids = table["uid"].to_pylist()
    hashes = np.unique(np.fromiter(map(xxhash.xxh3_64_intdigest, uids), np.uint64, len(uids)))
    for bucket in range(buckets):
        here = hashes[hashes % np.uint64(buckets) == bucket]
        if len(here):
            yield bucket, here.tobytes()


def _count(bucket: tuple[int, Iterable[bytes]]) -> int:
    hashes = np.concatenate([np.frombuffer(one, np.uint64) for one in bucket[1]])
    return int((np.unique(hashes, return_counts=True)[1] > 1).sum())
