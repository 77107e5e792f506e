"""Tests of reading xz: streams end to end, padding between them, damage as an OSError, memory bounded."""

from __future__ import annotations

import lzma

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.storage import xz
from dataprep.storage.xz import XzStream


def read(data: bytes, size: int = 1000) -> bytes:
    """All that the stream gives in reads of at most `size` bytes."""
    found = b""
    with XzStream(pa.BufferReader(data)) as stream:
        while piece := stream.read(size):
            assert len(piece) <= size
            found += piece
    return found


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 3)), max_size=4), st.integers(1, 400))
def test_streams_end_to_end_are_one_text(streams: list[tuple[bytes, int]], size: int) -> None:
    data = b"".join(lzma.compress(text) + bytes(4 * zeros) for text, zeros in streams)
    assert read(data, size) == b"".join(text for text, _ in streams)


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_it_does_not_matter_where_the_file_is_cut_into_pieces(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(xz, "_PIECE", piece)
    data = lzma.compress(b"one " * 500) + bytes(8) + lzma.compress(b"two")
    assert read(data) == b"one " * 500 + b"two"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lzma.compress(b"x" * 999)[:-5], "the xz stream is cut off"),
        (lzma.compress(b"one") + lzma.compress(b"two")[:9], "the xz stream is cut off"),
        (lzma.compress(b"one") + b"no xz, but long enough", "damaged xz stream"),
        (b"no xz at all, but long enough to be looked at", "damaged xz stream"),
        (lzma.compress(b"x" * 999)[:40] + b"\xff" * 40, "damaged xz stream"),
    ],
)
def test_damage_is_an_error_of_the_file(data: bytes, said: str) -> None:
    with pytest.raises(OSError, match=said):
        read(data)


def test_a_stream_that_asks_for_more_memory_than_a_task_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xz, "MEMORY", 1 << 20)
    with pytest.raises(OSError, match=r"damaged xz stream .*[Mm]emory"):
        read(lzma.compress(b"x", preset=9))
