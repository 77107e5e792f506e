"""Lists are text; what is not is refused, since it would ban nobody."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import InputError
from dataprep.storage import text_list


def test_lines_as_they_are_without_a_byte_order_mark(tmp_path: Path) -> None:
    place = tmp_path / "uids.txt"
    place.write_bytes(b"\xef\xbb\xbfa\r\n\xff b\n\nc")
    text_list.check(str(place))
    assert text_list.read(str(place)) == [b"a", b"\xff b", b"", b"c"]


@pytest.mark.parametrize("kind", ["parquet", "gzip", "nul"])
def test_what_is_no_text_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "uids"
    if kind == "parquet":
        pq.write_table(pa.table({"uid": ["a"]}), place)
    else:
        place.write_bytes(gzip.compress(b"a\n") if kind == "gzip" else b"a\0b\n")
    for look in (text_list.check, text_list.read):
        with pytest.raises(InputError, match=r"not a text file.*write one name a line"):
            look(str(place))
