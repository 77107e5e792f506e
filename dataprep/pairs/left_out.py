"""Reads what is known of the pairs of a tar before they are packed: what selection leaves out, and what is unfit."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from dataprep.engine.paths import STAGING
from dataprep.storage import files

REASONS = ("where", "duplicate_uid", "near_duplicate")
"""Reason codes; a decision holds their index."""


def selection_file(number: int) -> str:
    """Name of the list of pairs of tar `number` that are left out, below the dataset's root."""
    return f"{STAGING}/selection/{number:05}.bin"


def survey_file(number: int) -> str:
    """Name of the survey of tar `number` (`dataprep.pairs.selection.survey`), below the dataset's root."""
    return f"{STAGING}/survey-parts/{number:05}.parquet"


def verdicts(out: str, number: int) -> dict[int, tuple[str, str]] | None:
    """Reason and detail, by place, of the pairs of a tar that are unfit; None where an older release surveyed it."""
    with files.open_input(files.join(out, survey_file(number))) as stream:
        parquet = pq.ParquetFile(stream)
        if "reason" not in parquet.schema_arrow.names:
            return None
        columns = [parquet.read([name])[name].to_pylist() for name in ("place", "reason", "detail")]
    unfit = (row for row in zip(*columns, strict=True) if row[1] is not None)
    return {place: (reason, detail.decode("utf-8", "surrogatepass")) for place, reason, detail in unfit}


def held_out(out: str, number: int) -> frozenset[int]:
    """Places of the pairs of a tar that are held out."""
    with files.open_input(files.join(out, survey_file(number))) as stream:
        table = pq.read_table(stream, columns=["place", "held_out"], filters=[("held_out", "=", True)])
    return frozenset(table["place"].to_pylist())


def dropped(out: str, number: int) -> dict[int, str]:
    """Reason by place of the pairs of a tar that are left out."""
    data = files.read_bytes(files.join(out, selection_file(number)))
    count = len(data) // 9
    places, reasons = np.frombuffer(data, np.int64, count), np.frombuffer(data, np.uint8, count, 8 * count)
    return {place: REASONS[reason] for place, reason in zip(places.tolist(), reasons.tolist(), strict=True)}
