"""Records which document each token is from: a Parquet sidecar, one part per input file, one row per document.

A document's place in the token stream follows from the lengths, so a row is small: its line, its ids (end-of-text
included), and the configured fields. `index.json` beside the parts says how many documents and tokens each part has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.storage import files
from schemas.strict_model import Strict

FOLDER = "provenance"


def part_file(split: str, number: int) -> str:
    """Name of the part for input `number`, below the dataset's root."""
    return f"{FOLDER}/{split}.{number:06}.parquet"


ROWS = 1 << 14
"""Documents in a row group."""


class Writer:
    """Writes one part; a context manager."""

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        named = [(field, pa.string()) for field in fields]
        self.schema = pa.schema([("line", pa.int64()), ("tokens", pa.int64()), *named])
        self._parquet = pq.ParquetWriter(path, self.schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []

    def add(self, lines: Sequence[int], tokens: npt.NDArray[np.int64], fields: Sequence[Sequence[str | None]]) -> None:
        """Append documents: line numbers, ids of each (end-of-text included), and a column for each field."""
        columns = [pa.array(column, pa.string()) for column in fields]
        self._waiting.append(
            pa.record_batch([pa.array(lines, pa.int64()), pa.array(tokens, pa.int64()), *columns], schema=self.schema)
        )
        if sum(len(batch) for batch in self._waiting) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        self._parquet.write_table(pa.Table.from_batches(self._waiting, self.schema))
        self._waiting = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._waiting and error is None:
            self._flush()
        self._parquet.close()


def index_file(split: str) -> str:
    """Name of the list of a split's parts, below the dataset's root."""
    return f"{FOLDER}/{split}.json"


class Part(Strict):
    """Counts what one input file gave to a split."""

    input: str
    part: str
    """Name of the Parquet file, below the dataset's root."""
    documents: int
    tokens: int


class Index(Strict):
    """All parts of a split, and what it takes to find a sample's ids in them."""

    version: Literal[1] = 1
    seq_len: int
    key: int | None
    """Key of the permutation of windows (`schemas.order.permutation`): sample p is window permute(p). None: in
    order."""
    parts: list[Part]
    """In plan order; their ids end to end are the token stream."""


def index(split: str, seq_len: int, key: int | None, uris: Sequence[str], receipts: Sequence[dict[str, Any]]) -> bytes:
    """The index of `split` from the inputs and the receipts of their tasks, as JSON."""
    parts = (
        Part(input=uri, part=part_file(split, number), **receipt["splits"][split]).model_dump()
        for number, (uri, receipt) in enumerate(zip(uris, receipts, strict=True))
    )
    return files.to_json_by_item(Index(seq_len=seq_len, key=key, parts=[]).model_dump(), "parts", parts)
