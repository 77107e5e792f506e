"""Reads lines of a possibly compressed file, in constant memory; a stream that breaks off gives all up to the break."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pyarrow as pa

from dataprep.storage import files
from dataprep.storage.xz import XzStream

BLOCK = 1 << 20
"""Decompressed bytes read at a time: few enough to be still in a core's cache when they are parsed."""
AHEAD = 4 << 20
"""Bytes fetched from a server at a time: a codec reads 64 KiB, and every answer takes its time."""
BROKEN = (OSError, pa.ArrowException)
"""What a damaged or truncated stream raises."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines(uri: str, limit: int, codec: str | None = None) -> Iterator[bytes | None]:
    """Lines without their ends; None for a line of more than `limit` bytes. Raises what the stream raises.

    Args:
        codec: compression of the file: zstd, gzip, bz2 or xz.
    """
    pieces, length = list[bytes](), 0  # of a line that spans blocks; dropped, but still counted, beyond the limit
    for block in _blocks(uri, codec):
        first, *whole = block.split(b"\n")
        length += len(first)
        pieces = [*pieces, first] if length <= limit else []
        if whole:
            yield b"".join(pieces) if length <= limit else None
            last = whole.pop()
            if limit >= BLOCK:
                yield from whole
            else:
                yield from (line if len(line) <= limit else None for line in whole)
            pieces, length = [last], len(last)
    if length:
        yield b"".join(pieces) if length <= limit else None


def _blocks(uri: str, codec: str | None) -> Iterator[bytes]:
    """Decompressed blocks, without a byte order mark; of a stream that breaks off, all up to the break, then raises."""
    position = 0
    try:
        with opened(uri, codec) as stream:
            while block := stream.read(BLOCK):
                yield block if position else block.removeprefix(_BYTE_ORDER_MARK)
                position += len(block)
    except BROKEN:
        if rest := _salvage(uri, codec, position):
            yield rest
        raise


def _salvage(uri: str, codec: str | None, position: int) -> bytes:
    """Reads what a broken stream still gives after `position`: its last read failed as a whole, so smaller ones are
    tried.
    """
    rest = bytearray()
    for step in (1 << 12, 1):
        with contextlib.suppress(*BROKEN), opened(uri, codec) as stream:
            left = position + len(rest)
            while left:
                left -= len(stream.read(min(left, BLOCK)))
            while piece := stream.read(step):
                rest += piece
    return bytes(rest)


def opened(uri: str, codec: str | None) -> pa.NativeFile | XzStream:
    """The decompressed bytes of `uri` as a stream."""
    raw = files.open_input(uri, buffer=AHEAD)
    if codec and not raw.size():
        raise OSError(f"an empty file is no {codec} stream")
    if codec == "xz":
        return XzStream(raw)
    return pa.CompressedInputStream(raw, codec) if codec else raw
