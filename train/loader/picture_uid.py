"""Looks up the uid of a picture in the sidecar beside a dataset, for the message about one that cannot be used."""

from __future__ import annotations

from pathlib import Path

from schemas import row_provenance
from schemas.manifest import Manifest


def uid_of(dataset: str, sample: int, picture: int) -> str | None:
    """The uid of a picture of a dataset on disk; None where it is not known, for whatever reason."""
    try:
        import pyarrow.parquet as pq  # data jobs write the sidecar with it; the trainer may be installed without

        task, number = row_provenance.place_of(Manifest.load(dataset), sample)
        file = Path(dataset) / row_provenance.part_file(task)
        rows = pq.read_table(file, filters=[("sample", "=", number)]).to_pylist()
        return row_provenance.uids(rows)[picture]
    except Exception:  # a message is being made: nothing may take its place
        return None
