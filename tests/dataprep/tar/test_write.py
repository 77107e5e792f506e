"""Equal members make equal tars, which are tarfile's, and webdataset's, to the byte."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.tar.write import write_tar

STEMS = st.one_of(st.text("ab/.1", min_size=1, max_size=120), st.text(min_size=1, max_size=9))
TAR_NAMES = st.tuples(STEMS, st.sampled_from(["jpg", "json", "syn.json", "é"])).map(".".join)


@given(st.lists(st.tuples(TAR_NAMES, st.binary(max_size=600)), max_size=8))
def test_written_tars_have_the_bytes_of_tarfile(files: list[tuple[str, bytes]]) -> None:
    files = [("x" + name, data) for name, data in files if name.isprintable()]
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_tar(ours, files)
    with tarfile.open(fileobj=theirs, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert ours.getvalue() == theirs.getvalue()


def test_written_tars_are_plain_equal_and_readable_by_tarfile() -> None:
    files = [("1.jpg", b"picture"), ("1.json", b"{}"), ("bücher" * 30 + ".txt", b"")]
    one, two = io.BytesIO(), io.BytesIO()
    write_tar(one, files)
    write_tar(two, files)
    assert one.getvalue() == two.getvalue()
    with tarfile.open(fileobj=io.BytesIO(one.getvalue())) as tar:
        assert [(info.name, tar.extractfile(info).read()) for info in tar] == files  # type: ignore[union-attr]
        assert {info.mtime for info in tar.getmembers()} == {0}


@pytest.mark.parametrize("name", ["plain", ".jpg", "1.", "1._meta", "1.__key__"])
def test_names_that_webdataset_would_leave_out_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no KEY\.EXTENSION"):
        write_tar(io.BytesIO(), [(name, b"x")])
