"""Damage to a Parquet file is an error, never other rows or another number of them."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.storage import foreign_parquet

TABLE = pa.table({"text": [f"row {n} and {n**7}" for n in range(60)], "n": list(range(60))})


def written(**options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink, row_group_size=25, compression="none", **options)
    return bytes(sink.getvalue())


def read(data: bytes) -> list[dict[str, object]]:
    with pa.PythonFile(pa.BufferReader(data), mode="r") as stream:
        parquet = foreign_parquet.opened(stream)
        return [row for batch in foreign_parquet.batches(parquet, 7, ["text"]) for row in batch.to_pylist()]


@pytest.mark.parametrize("checksums", [False, True])
def test_a_flipped_bit_never_changes_the_number_of_rows_in_silence(checksums: bool) -> None:
    data = written(write_page_checksum=checksums)
    assert read(data) == TABLE.select(["text"]).to_pylist()
    dice = random.Random(5)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << dice.randrange(8)
        try:
            rows = read(bytes(damaged))
        except (OSError, pa.ArrowException, UnicodeDecodeError):
            continue
        assert len(rows) == 60, at


def test_pages_are_compared_with_their_checksums() -> None:
    data = written(write_page_checksum=True, use_dictionary=False)
    damaged = data.replace(b"row 7 and", b"row 8 and", 1)
    assert damaged != data
    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        read(damaged)


def test_a_footer_that_promises_what_the_file_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written()
    monkeypatch.setattr(foreign_parquet, "LARGE", 1)
    monkeypatch.setattr(foreign_parquet, "UNFOLDS", 0)
    with pytest.raises(OSError, match=r"a file of .* bytes unfolds to"):
        read(data)


def slices(data: bytes, step: int) -> list[dict[str, object]]:
    with pa.PythonFile(pa.BufferReader(data), mode="r") as stream:
        parquet = foreign_parquet.opened(stream)
        parts = [foreign_parquet.some(parquet, first, step, 7, ["text"]) for first in range(0, 60, step)]
        return [row for part in parts for batch in part for row in batch.to_pylist()]


@pytest.mark.parametrize("step", [1, 6, 7, 25, 40, 99])
def test_ranges_hold_every_row_once(step: int) -> None:
    assert slices(written(), step) == TABLE.select(["text"]).to_pylist()


def test_a_flipped_bit_never_shifts_ranges_in_silence() -> None:
    data, dice = written(), random.Random(6)
    for at in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[at] ^= 1 << dice.randrange(8)
        try:
            rows = slices(bytes(damaged), 20)
        except (OSError, pa.ArrowException, UnicodeDecodeError):
            continue
        assert len(rows) == 60, at
