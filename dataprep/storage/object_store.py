"""Reads and writes S3 and Google Cloud Storage by `pyarrow.fs`, and tells failing storage from a damaged or absent
file.

A server that does not answer raises the same OSError as a compressed stream that breaks off. Taken for damage, it would
turn good rows into rejects; taken for a missing file, good pictures. So every call here ends in one of three ways, as
those of `dataprep.storage.hdfs` do: with the answer, with an error that says what the file is (missing, forbidden, a
directory), or with StorageError.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from dataprep.storage import buffered_reader, refusal
from dataprep.storage.s3_credentials import refuse_unsigned

_PLAIN = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


class Store:
    """A bucket's file system, with the methods that `dataprep.storage.files` calls."""

    def __init__(self, filesystem: pafs.FileSystem, scheme: str) -> None:
        self._filesystem, self._scheme = filesystem, scheme

    def get_file_info(self, what: str | pafs.FileSelector) -> Any:
        """A path's `FileInfo`, or those of all below a selector's directory."""
        with self._asking(what.base_dir if isinstance(what, pafs.FileSelector) else what):
            return self._filesystem.get_file_info(what)

    def open_input_file(self, path: str, buffer: int = 0) -> pa.PythonFile:
        """A seekable stream that fetches `buffer` bytes at a time."""
        with self._asking(path):
            file = self._filesystem.open_input_file(path)
            length = file.size()

        def read_at(position: int, wanted: int) -> bytes:
            with self._asking(path):
                data: bytes = file.read_at(wanted, position)
                if len(data) != wanted:
                    raise OSError(f"{len(data)} of {wanted} bytes came")
                return data

        return buffered_reader.stream(read_at, length, buffer)

    def publish(self, path: str, chunks: Iterable[bytes | memoryview], unfinished: str) -> None:
        """Upload `chunks` to `path`, where they appear together at the end; `unfinished` is not needed."""
        if self._scheme == "s3":
            refuse_unsigned(f"s3://{path}")
        with self._asking(path), self._filesystem.open_output_stream(path, compression=None) as stream:
            for chunk in chunks:
                stream.write(chunk)

    def delete_dir(self, path: str) -> None:
        """Remove a directory and all below it."""
        with self._asking(path):
            if isinstance(self._filesystem, pafs.GcsFileSystem):  # its delete_dir fails without a marker object
                self._filesystem.delete_dir_contents(path, missing_dir_ok=True)
            else:
                self._filesystem.delete_dir(path)

    def delete_file(self, path: str) -> None:
        """Removes a file from the store."""
        with self._asking(path):
            self._filesystem.delete_file(path)

    @contextlib.contextmanager
    def _asking(self, path: str) -> Iterator[None]:
        try:
            yield
        except _PLAIN:
            raise
        except (OSError, pa.ArrowException) as error:
            raise refusal.judged(str(error).splitlines()[0], f"{self._scheme}://{path}") from None
