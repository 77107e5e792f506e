"""Uids that repeat across tars, from the provenance parts alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash

from dataprep.pairs.repeated_uids import _split
from dataprep.provenance import row_parts
from dataprep.storage import files
from schemas import row_provenance


def test_a_tar_without_a_fit_pair_has_no_uids(tmp_path: Path) -> None:
    out = str(tmp_path)
    parts = [row_parts.parquet([], []), row_parts.part_bytes(pa.table({"uid": ["a", "b"]}))]
    for number, part in enumerate(parts):
        files.publish_bytes(part, files.join(out, row_provenance.part_file(number)))
    assert list(_split(0, out=out, buckets=1)) == []
    ((bucket, hashes),) = _split(1, out=out, buckets=1)
    assert bucket == 0
    assert np.frombuffer(hashes, np.uint64).tolist() == sorted(map(xxhash.xxh3_64_intdigest, ["a", "b"]))
