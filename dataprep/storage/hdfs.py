"""Reads and writes HDFS through `hdfs-native`: a client in Rust that needs no Java, libhdfs or class path on executors.

`Hdfs` has the methods of `pyarrow.fs.FileSystem` that `dataprep.storage.files` calls, and one that publishes. Two
layers that
exist would not do. pyarrow's own `HadoopFileSystem` wants a Hadoop installation and a JVM in every worker, and its
rename refuses a target that exists, so that a repeated attempt could not publish. fsspec's interface under pyarrow's
`FSSpecHandler` takes a server that does not answer for a file that is not there, and leaves out of a listing whatever
it could not list: receipts and inputs would vanish in silence.

Here every call ends in one of three ways: with the answer, with FileNotFoundError, or with StorageError. The address of
the NameNode comes from the URI, or by name from `$HADOOP_CONF_DIR` (high availability, Kerberos, time-outs).
"""

from __future__ import annotations

import contextlib
import functools
import queue
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs

from common.errors import InputError, StorageError
from dataprep.storage import buffered_reader, refusal

PATIENCE_S = 600.0
"""Longest wait for one answer; beyond it, the client starts anew: another NameNode may be active by then."""
REMEDY = "name the NameNode (hdfs://host:8020/path), or set HADOOP_CONF_DIR to the folder of hdfs-site.xml"

T = TypeVar("T")


class Hdfs:
    """One NameNode or name service; may be used by several threads.

    Args:
        authority: `host:port`, a name of `hdfs-site.xml`, or nothing for `fs.defaultFS`.

    Raises:
        InputError: there is no address for it.
    """

    def __init__(self, authority: str) -> None:
        from hdfs_native import Client  # 6 MB of machine code that other storage does not need

        self._uri = f"hdfs://{authority}"
        try:
            self._client = Client(self._uri)
        except Exception as error:
            raise InputError(f"no address of a NameNode ({_brief(error)})", file=self._uri, remedy=REMEDY) from None

    def get_file_info(self, what: str | pafs.FileSelector) -> Any:
        """A path's `FileInfo`, or those of all below a selector's directory."""
        if isinstance(what, pafs.FileSelector):
            return self._below(what.base_dir)
        try:
            with self._asking(what):
                return _info(_in_time(lambda: self._client.get_file_info(what)))
        except FileNotFoundError:
            return pafs.FileInfo(what, pafs.FileType.NotFound)

    def _below(self, path: str) -> list[pafs.FileInfo]:
        try:
            with self._asking(path):
                return _in_time(lambda: [_info(status) for status in self._client.list_status(path, True)])
        except FileNotFoundError:
            if self.get_file_info(path).type == pafs.FileType.NotFound:
                return []
            raise StorageError("the directory changed while it was listed", file=self._uri + path) from None

    def open_input_file(self, path: str, buffer: int = 0) -> pa.PythonFile:
        """A seekable stream; what fails after opening is a StorageError, never an OSError: the file is not damaged."""
        with self._asking(path):
            reader = _in_time(lambda: self._client.read(path))
            length = len(reader)

        def read_at(position: int, wanted: int) -> bytes:
            with self._asking(path, missing=False):
                data: bytes = _in_time(lambda: reader.read_range(position, wanted))
                if len(data) != wanted:
                    raise OSError(f"{len(data)} of {wanted} bytes came")
                return data

        return buffered_reader.stream(read_at, length, buffer)  # the client's own cursor panics beyond the end

    def publish(self, path: str, chunks: Iterable[bytes | memoryview], unfinished: str) -> None:
        """Write `chunks` to the path `unfinished`, then rename it to `path`, which it replaces: one NameNode operation.

        The directory of `path` is made.
        """
        from hdfs_native import WriteOptions

        folder, client = path.rpartition("/")[0] or "/", self._client
        try:
            with self._asking(path, missing=False):
                _in_time(lambda: client.mkdirs(folder, 0o755, True))
                writer = _in_time(lambda: client.create(unfinished, WriteOptions(create_parent=True)))
                for chunk in chunks:
                    _in_time(functools.partial(writer.write, chunk))
                _in_time(writer.close)
                _in_time(lambda: client.rename(unfinished, path, True))
        except BaseException:
            with contextlib.suppress(Exception):
                _in_time(lambda: self._client.delete(unfinished))
            raise

    def delete_dir(self, path: str) -> None:
        """Remove a directory and all below it."""
        with self._asking(path):
            _in_time(lambda: self._client.delete(path, True))

    def delete_file(self, path: str) -> None:
        """Removes a file from HDFS."""
        with self._asking(path):
            _in_time(lambda: self._client.delete(path))

    @contextlib.contextmanager
    def _asking(self, path: str, *, missing: bool = True) -> Iterator[None]:
        """Turn what the client raises into StorageError; where something may be `missing`, that passes."""
        try:
            yield
        except FileNotFoundError as error:
            if missing:
                raise FileNotFoundError(_brief(error)) from None
            raise StorageError(_brief(error), file=self._uri + path) from None
        except TimeoutError as error:
            from hdfs_native import Client

            self._client = Client(self._uri)  # the old one's connection would keep us waiting
            raise StorageError(_brief(error), file=self._uri + path) from None
        except Exception as error:  # OSError for a server that is gone, RuntimeError for what a server answers
            raise refusal.judged(_brief(error), self._uri + path) from None


def _in_time(call: Callable[[], T]) -> T:
    """`call()`, or TimeoutError: the client itself waits for ever for a server that has taken a question."""
    answer: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((call(), None))
        except BaseException as error:
            answer.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        value, error = answer.get(timeout=PATIENCE_S)
    except queue.Empty:
        raise TimeoutError(f"no answer in {PATIENCE_S:g} seconds") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


def _info(status: Any) -> pafs.FileInfo:
    if status.isdir:
        return pafs.FileInfo(status.path, pafs.FileType.Directory)
    return pafs.FileInfo(status.path, pafs.FileType.File, size=status.length)


def _brief(error: BaseException) -> str:
    """The gist of what may be a debug dump of Rust with a Java stack trace in it."""
    text = (str(error).splitlines() or [type(error).__name__])[0].partition("\\n")[0]
    text = re.sub(r'^\w+\("(?:[\w.$]+", ")?|"\)$', "", text)
    return text.partition(": [DatanodeInfo")[0].rstrip()[:200]
