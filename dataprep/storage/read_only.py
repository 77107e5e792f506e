"""Defines the base of file systems that jobs only read: the hub and web servers."""

from __future__ import annotations

from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.fs as pafs

from common.errors import InputError


class ReadOnly:
    """Base of file systems that are not written to."""

    def get_file_info(self, what: str | pafs.FileSelector) -> Any:
        """A path's `FileInfo`, or those of all files below a selector's directory."""
        raise NotImplementedError

    def open_input_file(self, path: str, buffer: int = 0) -> pa.PythonFile:
        """A seekable stream that fetches `buffer` bytes at a time."""
        raise NotImplementedError

    def read_whole(self, path: str, most: int) -> tuple[int, bytes] | None:
        """Size and bytes of a file, without the bytes where it has more than `most`; None where there is none."""
        raise NotImplementedError

    def identity(self, path: str) -> str | None:
        """The content's digest where the server states one that can be relied on."""
        return None

    def publish(self, path: str, *_: object) -> NoReturn:
        """Raises InputError: nothing is written here."""
        raise InputError("jobs read from here and do not write", file=path, remedy="use another `out`")

    def delete_dir(self, path: str) -> NoReturn:
        """Raises InputError: nothing is removed here."""
        self.publish(path)

    def delete_file(self, path: str) -> NoReturn:
        """Raises InputError: nothing is removed here."""
        self.publish(path)
