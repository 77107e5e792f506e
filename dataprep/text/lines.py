"""Lines of a possibly compressed file, in constant memory; a stream that breaks off gives all up to the break."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pyarrow as pa

from dataprep import files

BLOCK = 4 << 20
"""Decompressed bytes read at a time."""
BROKEN = (OSError, pa.ArrowException)
"""What a damaged or truncated stream raises."""
_CODECS = {".zst": "zstd", ".zstd": "zstd", ".gz": "gzip"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def lines(uri: str, limit: int) -> Iterator[bytes | None]:
    """Lines without their ends; None for a line of more than `limit` bytes. Raises what the stream raises."""
    codec = next((name for suffix, name in _CODECS.items() if uri.endswith(suffix)), None)
    rest, too_long = b"", False
    for block in _blocks(uri, codec):
        *whole, last = block.split(b"\n")
        if whole:
            yield None if too_long or len(rest) + len(whole[0]) > limit else rest + whole[0]
            for line in whole[1:]:
                yield line if len(line) <= limit else None
            rest, too_long = last, False
        elif not too_long:
            rest += last
        if len(rest) > limit:
            rest, too_long = b"", True
    if rest or too_long:
        yield None if too_long else rest


def _blocks(uri: str, codec: str | None) -> Iterator[bytes]:
    """Decompressed blocks, without a byte order mark; of a stream that breaks off, all up to the break, then raises."""
    position = 0
    try:
        with _open(uri, codec) as stream:
            while block := stream.read(BLOCK):
                yield block if position else block.removeprefix(_BYTE_ORDER_MARK)
                position += len(block)
    except BROKEN:
        if rest := _salvage(uri, codec, position):
            yield rest
        raise


def _salvage(uri: str, codec: str | None, position: int) -> bytes:
    """What a broken stream still gives after `position`: its last read failed as a whole, so smaller ones are tried."""
    rest = bytearray()
    for step in (1 << 12, 1):
        with contextlib.suppress(*BROKEN), _open(uri, codec) as stream:
            left = position + len(rest)
            while left:
                left -= len(stream.read(min(left, BLOCK)))
            while piece := stream.read(step):
                rest += piece
    return bytes(rest)


def _open(uri: str, codec: str | None) -> pa.NativeFile:
    raw = files.open_input(uri)
    return pa.CompressedInputStream(raw, codec) if codec else raw
