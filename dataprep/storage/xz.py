"""Reads xz streams, which pyarrow does not, with bounded memory."""

from __future__ import annotations

import lzma
from typing import Self

import pyarrow as pa

MEMORY = 256 << 20
"""Bytes that a decoder may take; `xz -9` needs 65 MiB."""
_PIECE = 1 << 20


class XzStream:
    """The decompressed bytes of a file of one or more xz streams. A damaged one raises OSError, as other codecs do."""

    def __init__(self, raw: pa.NativeFile) -> None:
        self._raw, self._decoder = raw, lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY)
        self._rest, self._begun = b"", False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Reads up to `size` bytes; none at the end."""
        try:
            while True:
                if self._decoder.eof:
                    self._next_stream()
                wants = self._decoder.needs_input and not self._rest
                fed = self._rest or (bytes(self._raw.read(_PIECE)) if wants else b"")
                if wants and not fed:
                    if self._begun:
                        raise OSError("the xz stream is cut off")
                    return b""
                self._begun, self._rest = True, b""
                if data := self._decoder.decompress(fed, size):
                    return data
        except lzma.LZMAError as error:
            raise OSError(f"damaged xz stream ({error})") from None

    def _next_stream(self) -> None:
        """Begin the next stream, past the zeros that may pad this one to a multiple of four bytes."""
        rest = self._decoder.unused_data
        while not (rest := rest.lstrip(b"\0")) and (more := bytes(self._raw.read(_PIECE))):
            rest = more
        self._decoder, self._rest, self._begun = lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY), rest, bool(rest)
