"""How files begin: compression and name without it; what no job reads (`tests/dataprep/text/test_file_kind.py`)."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.storage import beginning
from dataprep.storage.beginning import HEAD, Beginning

ROWS = b"\xef\xbb\xbf a,b\n"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("A.CSV", ROWS, Beginning(ROWS, "a.csv")),
        ("a.csv.gz", gzip.compress(ROWS), Beginning(ROWS, "a.csv", "gzip")),
        ("a.csv", bz2.compress(ROWS), Beginning(ROWS, "a.csv", "bz2")),
        ("a.csv.zst", b"cut", Beginning(b"", "a.csv", "zstd")),
        ("a.csv.gz", gzip.compress(ROWS)[:9], Beginning(b"", "a.csv", "gzip")),
        ("a.gz", b'{"a": 1}', Beginning(b'{"a": 1}', "a.gz")),
        ("a", b"", Beginning(b"", "a")),
        ("a", b"x" * HEAD * 2, Beginning(b"x" * HEAD, "a")),
        ("a.pdf", b"%PDF-1.7", Beginning(b"%PDF-1.7", "a.pdf", refusal=("a PDF", "give rows"))),
        (
            "a",
            gzip.compress(b"PAR1"),
            Beginning(b"PAR1", "a", "gzip", ("a Parquet file in a gzip stream", "give rows")),
        ),
    ],
)
def test_a_file_is_told_by_its_first_bytes_then_by_its_name(
    tmp_path: Path, name: str, data: bytes, expected: Beginning
) -> None:
    (tmp_path / name).write_bytes(data)
    assert beginning.of(str(tmp_path / name), "give rows") == expected
    assert beginning.of(str(tmp_path / name), "").text == expected.head.removeprefix(b"\xef\xbb\xbf").lstrip()


@pytest.mark.parametrize(
    ("name", "data", "parquet"),
    [
        ("a", b"PAR1", True),
        ("a.parquet", b"", True),
        ("a.parquet.gz", b"cut", False),
        ("a.parquet", gzip.compress(b"x"), False),
        ("a.csv", ROWS, False),
    ],
)
def test_parquet_is_known_by_its_bytes_or_its_name(tmp_path: Path, name: str, data: bytes, parquet: bool) -> None:
    (tmp_path / name).write_bytes(data)
    assert beginning.accepted(str(tmp_path / name), "").parquet is parquet


def test_what_no_job_reads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError, match=r"a\.parquet: a PDF; give rows"):
        beginning.accepted(str(tmp_path / "a.parquet"), "give rows")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: cannot read the file"):
        beginning.of(str(tmp_path / "none"), "")
