"""Looks at how a file begins, whatever its name says: its compression, its first bytes without it, and what it is not.

Every job that reads text files asks here first, so that an archive, a web page or a Git LFS pointer among the inputs is
an error that names it, in the same words everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import zstandard

from common.errors import InputError
from dataprep.storage import files, magic
from dataprep.storage.lines import BROKEN, opened

HEAD = 1 << 16
"""Bytes looked at."""
WINDOW = 1 << 27
"""Largest zstd window that is read, in bytes: the limit of every decoder that is not told otherwise."""
_SUFFIXES = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".xz": "xz"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Beginning:
    """The beginning of a file."""

    head: bytes
    """First bytes, decompressed; none where a compressed file is damaged from its start."""
    stem: str
    """Name of the file in lower case, without the suffix of its compression."""
    codec: str | None = None
    refusal: tuple[str, str] | None = None
    """Why no job reads it, and what to do about it."""

    @property
    def parquet(self) -> bool:
        """Whether it is a Parquet file, or is called one and cannot be anything else."""
        return self.head.startswith(magic.PARQUET) or (self.codec is None and self.stem.endswith(".parquet"))

    @property
    def text(self) -> bytes:
        """The head without byte order mark and leading blanks."""
        return self.head.removeprefix(BYTE_ORDER_MARK).lstrip()


def of(uri: str, read: str) -> Beginning:
    """The beginning of the file `uri`.

    Damage is not judged: a stream that breaks off early has the compression that its name calls for.

    Args:
        read: what the job does read, as a remedy.

    Raises:
        InputError: it does not exist.
    """
    with files.open_input(uri) as stream:
        head = bytes(stream.read(HEAD))
    name = files.basename(uri).lower()
    named = next((codec for suffix, codec in _SUFFIXES.items() if name.endswith(suffix)), None)
    stem = name.rpartition(".")[0] if named else name
    if head.startswith(magic.PARQUET):
        return Beginning(head, name)
    if codec := magic.codec(head):
        return _compressed(uri, head, codec, stem, read)
    if kind := magic.foreign(head):
        return Beginning(head, name, refusal=(kind, magic.remedy(kind, read)))
    if named and not head.lstrip().startswith(b"{"):
        return Beginning(b"", stem, named)
    return Beginning(head, name)


def accepted(uri: str, read: str) -> Beginning:
    """The beginning of the file `uri`, which some job reads; see `of`.

    Raises:
        InputError: it does not exist, or no job reads what it is.
    """
    found = of(uri, read)
    if found.refusal:
        raise InputError(found.refusal[0], file=uri, remedy=found.refusal[1])
    return found


def _compressed(uri: str, head: bytes, codec: str, stem: str, read: str) -> Beginning:
    if codec == "zstd" and (window := _window(head)) > WINDOW:
        problem = f"its zstd window of {window >> 20:,} MiB (`--long`) would take as much memory"
        return Beginning(b"", stem, codec, (problem, "compress it again with `zstd --long=27` or without `--long`"))
    try:
        with opened(uri, codec) as stream:
            inner = bytes(stream.read(HEAD))
    except BROKEN:
        return Beginning(b"", stem, codec)
    kind = "a Parquet file" if inner.startswith(magic.PARQUET) else magic.foreign(inner)
    if magic.codec(inner):
        kind = "a stream compressed twice"
    if kind:
        return Beginning(inner, stem, codec, (f"{kind} in a {codec} stream", magic.remedy(kind, read)))
    return Beginning(inner, stem, codec)


def _window(head: bytes) -> int:
    try:
        return int(zstandard.get_frame_parameters(head).window_size)
    except zstandard.ZstdError:
        return 0
