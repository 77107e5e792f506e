"""Writes tars byte by byte the same for the same members."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from typing import BinaryIO

from dataprep.tar.read import BLOCK

_HEADER = (
    b"%b0000644\0" + 2 * b"0000000\0" + b"%011o\0" + b"00000000000\0" + b"        0" + bytes(100)
    + b"ustar\x0000" + bytes(247)
)  # fmt: skip
"""Name, mode, owner and group 0, size, time 0, a blank checksum, regular file."""


def write_tar(out: BinaryIO, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` (name, bytes) as a tar whose bytes depend on nothing else.

    The bytes are those of `tarfile` in its POSIX format; a plain name's header is put together here, in a tenth of the
    time, which with three members an image is noticed.
    """
    written = 0
    for name, data in files:
        block = _plain_header(name, len(data)) or _posix_header(name, len(data))
        padding = bytes(-len(data) % BLOCK)
        out.write(block)
        out.write(data)
        out.write(padding)
        written += len(block) + len(data) + len(padding)
    written += out.write(bytes(2 * BLOCK))
    out.write(bytes(-written % tarfile.RECORDSIZE))


def _plain_header(name: str, size: int) -> bytes | None:
    """The header of a file whose name and size fit the oldest format; None for others."""
    if len(name) > tarfile.LENGTH_NAME or not name.isascii() or "\0" in name or size > 0o77777777777:
        return None
    block = _HEADER % (name.encode().ljust(tarfile.LENGTH_NAME, b"\0"), size)
    return block[:148] + b"%06o\0" % sum(block) + block[155:]


def _posix_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT)
