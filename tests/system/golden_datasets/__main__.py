"""Record what every job makes, for its output version and these packages: `python -m tests.system.golden_datasets`.

A record is added, never replaced: where a job makes other bytes than those of its output version, that is said, and the
version has to be raised first.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dataprep.engine.spark_session import session
from tests.system.golden_datasets import records, runs


def main() -> int:
    """Run all jobs; returns 1 where one makes other bytes than recorded."""
    spark = session("golden", {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "2"})
    known, status = records.read(), 0
    for kind, special in runs.JOBS:
        with tempfile.TemporaryDirectory() as folder:
            made = records.of(kind, runs.digests(spark, kind, Path(folder), special), special)
        try:
            said = "as recorded"
            if not records.is_recorded(made, known):
                said = "added"
                known.append(made)
        except records.OtherBytesError as other:
            said, status = str(other), 1
        print(f"{kind} {made.output_version} {special}: {said}")
    records.write(known)
    return status


if __name__ == "__main__":
    sys.exit(main())
