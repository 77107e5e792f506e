"""Reads lists: text files of one name a line. A list in another format would be an empty one, and ban nobody."""

from __future__ import annotations

from common.errors import InputError
from dataprep.storage import files, magic

_HEAD = 1 << 16


def read(uri: str) -> list[bytes]:
    """Reads the lines of the list `uri`, as they are.

    Raises:
        InputError: it is no text file.
    """
    data = files.read_bytes(uri)
    _refuse(data[:_HEAD], uri)
    return data.removeprefix(b"\xef\xbb\xbf").splitlines()


def check(uri: str) -> None:
    """Look at the beginning of the list `uri`.

    Raises:
        InputError: it is no text file.
    """
    with files.open_input(uri) as stream:
        _refuse(bytes(stream.read(_HEAD)), uri)


def _refuse(head: bytes, uri: str) -> None:
    codec = magic.codec(head)
    kind = (
        "a Parquet file" if head.startswith(magic.PARQUET) else (codec and f"a {codec} stream") or magic.foreign(head)
    )
    if kind or b"\0" in head:
        raise InputError(f"not a text file{f' but {kind}' if kind else ''}", file=uri, remedy="write one name a line")
