from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.storage import lines


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"x")), max_size=12), st.integers(1, 50))
def test_lines_are_those_of_split_whatever_the_block_size(
    tmp_path_factory: pytest.TempPathFactory, written: list[bytes], block: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    data = b"\n".join(written)
    path.write_bytes(data)
    expected = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", max(block, 4))
        found = list(lines.lines(str(path), 20))
    assert found == [line if len(line) <= 20 else None for line in expected]
