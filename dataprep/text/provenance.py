"""Which document is behind which token: a Parquet sidecar, one part per input file, one row per document.

A document's place in the token stream follows from the lengths, so a row is small: its line, its ids (end-of-text
included), and the configured fields. `index.json` beside the parts says how many documents and tokens each part has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import files

FOLDER = "provenance"


def part_file(split: str, number: int) -> str:
    """Name of the part for input `number`, below the dataset's root."""
    return f"{FOLDER}/{split}.{number:06}.parquet"


class Writer:
    """Writes one part; a context manager."""

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        named = [(field, pa.string()) for field in fields]
        self.schema = pa.schema([("line", pa.int64()), ("tokens", pa.int64()), *named])
        self._parquet = pq.ParquetWriter(path, self.schema, compression="zstd")

    def add(
        self, lines: Sequence[int], tokens: npt.NDArray[np.int64], fields: Sequence[tuple[str | None, ...]]
    ) -> None:
        """Append documents: line numbers, ids of each (end-of-text included), and their fields' values."""
        columns = [pa.array(column, pa.string()) for column in zip(*fields, strict=True)]
        self._parquet.write_batch(
            pa.record_batch([pa.array(lines, pa.int64()), pa.array(tokens, pa.int64()), *columns], schema=self.schema)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._parquet.close()


def index_file(split: str) -> str:
    """Name of the list of a split's parts, below the dataset's root."""
    return f"{FOLDER}/{split}.json"


def index(split: str, uris: Sequence[str], receipts: Sequence[dict[str, Any]]) -> bytes:
    """That list: for each input its path, its part, and how many documents and ids of the split it gave."""
    parts = [
        {"input": uri, "part": part_file(split, number), **receipt["splits"][split]}
        for number, (uri, receipt) in enumerate(zip(uris, receipts, strict=True))
    ]
    return files.to_json({"version": 1, "parts": parts})
