"""Lists the documents that a selection leaves out, with the reason."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.storage import files

SCHEMA = pa.schema(
    [
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("kept_file", pa.string()),
        ("kept_line", pa.int64()),
        ("evaluation_file", pa.string()),
        ("evaluation_line", pa.int64()),
    ]
)
"""Of a reject list. `kept_*`: the document that stays in this one's place; `evaluation_*`: the item that it holds."""


def rejects_file(number: int) -> str:
    """Name of the list of documents of input `number` that are left out, below the dataset's root."""
    return f"rejects/{number:06}.parquet"


def dropped(out: str, number: int) -> dict[int, str]:
    """Reason by line of the documents of an input that are left out."""
    with files.open_input(files.join(out, rejects_file(number))) as stream:
        table = pq.read_table(stream, columns=["line", "reason"])
    return dict(zip(table["line"].to_pylist(), table["reason"].to_pylist(), strict=True))
