"""Names the kind of a file by its first bytes, whatever its name says."""

from __future__ import annotations

CODECS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "bz2": b"BZh", "xz": b"\xfd7zXZ\0"}
"""First bytes of the compressions that are read."""
PARQUET = b"PAR1"
_TAR_AT, _TAR = 257, b"ustar"
_OTHERS = (
    (b"PARE", "an encrypted Parquet file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x04\x22\x4d\x18", "an lz4 stream"),
    (b"\xff\x06\0\0sNaPpY", "a snappy stream"),
    (b"]\0\0", "an lzma stream"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"%PDF", "a PDF"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"version https://git-lfs", "a Git LFS pointer in place of the file"),
    (b"version https://hawser", "a Git LFS pointer in place of the file"),
)
_REMEDIES = {
    "a zip archive": "unzip it",
    "an empty zip archive": "leave it out",
    "UTF-16 text": "convert it with `iconv -t UTF-8`",
    "a Git LFS pointer in place of the file": "fetch the file with `git lfs pull`",
    "a tar archive": "unpack it",
    "a web page": "fetch the file again: a server has answered with a page",
}


def codec(head: bytes) -> str | None:
    """Names the compression that `head` begins, of those that are read."""
    if head[:1] and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18":
        return "zstd"  # a skippable frame, as pzstd writes first
    return next((name for name, first in CODECS.items() if head.startswith(first)), None)


def foreign(head: bytes) -> str | None:
    """Names the kind of file that `head` begins, with article; None for text and for what is read."""
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "a tar archive"
    if head.lstrip()[:9].lower() == b"<!doctype" or head.lstrip()[:5].lower() == b"<html":
        return "a web page"
    return next((name for first, name in _OTHERS if head.startswith(first)), None)


def remedy(name: str, otherwise: str) -> str:
    """Says what to do about a foreign file."""
    return _REMEDIES.get(name, otherwise)
