"""Reads Parquet files of strangers: a footer that contradicts itself, its pages or the file's size is damage.

Pages are compared with their checksums where the writer left some. Damage would otherwise give other rows, or fewer,
without a word.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

UNFOLDS = 2000
"""A file may unfold to so many times its bytes (deflate reaches 1,032), once that is over `LARGE`."""
LARGE = 1 << 30
_THRIFT = 256 << 20
"""Bytes and elements that a footer may ask for."""


def opened(stream: pa.NativeFile) -> pq.ParquetFile:
    """The file, its footer checked.

    Raises:
        pa.ArrowException, OSError: it is damaged, or no Parquet.
    """
    with _named():
        parquet = pq.ParquetFile(
            stream,
            page_checksum_verification=True,
            thrift_string_size_limit=_THRIFT,
            thrift_container_size_limit=_THRIFT,
        )
        parquet.schema_arrow.names  # noqa: B018 (names that are not UTF-8 come to light)
    footer = parquet.metadata
    groups = [footer.row_group(place) for place in range(footer.num_row_groups)]
    # Of a damaged column chunk's own metadata pyarrow ends the process, so only those of row groups are asked for.
    unfolded, rows = sum(group.total_byte_size for group in groups), sum(group.num_rows for group in groups)
    if any(group.total_byte_size < 0 for group in groups) or unfolded > max(LARGE, UNFOLDS * stream.size()):
        raise OSError(f"the footer says that a file of {stream.size():,} bytes unfolds to {unfolded:,}")
    if rows != footer.num_rows:
        raise OSError(f"the footer names {footer.num_rows:,} rows, its row groups {rows:,}")
    return parquet


def batches(parquet: pq.ParquetFile, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """All rows of an opened file, `rows` at a time.

    Raises:
        pa.ArrowException, OSError: it is damaged; also after the last row, where the footer names another number.
    """
    read = 0
    with _named():
        parts = iter(parquet.iter_batches(rows, columns=columns, use_threads=False))
    while True:
        with _named():
            if (batch := next(parts, None)) is None:
                break
        read += batch.num_rows
        yield batch
    if read != parquet.metadata.num_rows:
        raise OSError(f"{read:,} rows came, the footer names {parquet.metadata.num_rows:,}")


def some(
    parquet: pq.ParquetFile, first: int, count: int, rows: int, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The `count` rows of an opened file from `first` on, at most `rows` at a time; other row groups are not read.

    Raises:
        pa.ArrowException, OSError: it is damaged; also where a row group has other rows than the footer names.
    """
    start = 0
    for place in range(parquet.metadata.num_row_groups):
        held = parquet.metadata.row_group(place).num_rows
        low, high = max(first - start, 0), min(first + count - start, held)
        start += held
        if low >= high:
            continue
        with _named():
            parts = iter(parquet.iter_batches(rows, row_groups=[place], columns=columns, use_threads=False))
        read = 0
        while read < high:
            with _named():
                if (batch := next(parts, None)) is None:
                    break
            if low < read + batch.num_rows:
                yield batch.slice(max(low - read, 0), high - max(low, read))
            read += batch.num_rows
        if read < high or (high == held and read != held):
            raise OSError(f"{read:,} rows came, the footer names {held:,}")


def decoded(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | UnicodeDecodeError]:
    """Rows as objects; one by one where some string is not UTF-8, which Parquet writers need not check."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for index in range(batch.num_rows):
            try:
                yield batch.slice(index, 1).to_pylist()[0]
            except UnicodeDecodeError as wrong:
                yield wrong


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Column names of a damaged file need not be UTF-8."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise OSError(f"a name in the footer is not UTF-8 ({error.reason})") from None
