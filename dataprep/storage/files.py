"""Opens, lists and publishes files by URI, alike on local disk, `s3://`, `gs://` and `hdfs://`, on top of `pyarrow.fs`;
`hf://datasets/` and `https://` are read.

Everything that a job writes goes through `publish`/`publish_bytes`, which make a file appear under its final name
complete or not at all: a rename on file systems that have one, a single object upload on stores that do not. Nothing
else in dataprep knows which kind of storage it writes to. Credentials and endpoints come from the usual environment
variables (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, ...; `STORAGE_EMULATOR_HOST` for a server that speaks Google's API;
`HADOOP_CONF_DIR` for HDFS, which `dataprep.storage.hdfs` reads and writes).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow as pa
import pyarrow.fs as pafs

from common import atomic_files, hub_address, resources
from common.errors import InputError
from dataprep.storage.hdfs import Hdfs
from dataprep.storage.object_store import Store
from dataprep.storage.read_only import ReadOnly

CHUNK = 4 << 20
"""Bytes read or written at a time."""
_AT_A_TIME = 1000
"""Items of a long list that are converted to JSON at a time."""
WEB = ("https://", "http://")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://")
_SLASHES_LOST = re.compile(r"^(s3a?|s3n|gs|gcs|hdfs|hf|https?):/?(?!/)(.*)")


def absolute(uri: str | Path) -> str:
    """`uri` with `~` and relative local paths made absolute, so that driver and executors mean the same file.

    Raises:
        InputError: a URI that lost a slash, and would be taken for a folder of that name.
    """
    text = str(uri)
    if found := _SLASHES_LOST.match(text):
        raise InputError(f"{text} has lost a slash", remedy=f"write {found[1]}://{found[2]}")
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    if _SCHEME.match(text):
        return text.rstrip("/")
    return os.path.abspath(os.path.expanduser(text))


def is_local(uri: str) -> bool:
    """Whether `uri` is a path on this machine's file system."""
    return not _SCHEME.match(uri)


def join(root: str, *names: str) -> str:
    """`root/name/...` for any scheme; on the web, names are quoted as parts of an address."""
    if root.startswith(WEB):
        names = tuple(quote(name) for name in names)
    return "/".join([root.rstrip("/"), *names])


def basename(uri: str) -> str:
    """The last component of `uri`."""
    return uri.rstrip("/").rpartition("/")[2]


@functools.lru_cache(maxsize=64)
def _filesystem(key: str) -> pafs.LocalFileSystem | Hdfs | Store | ReadOnly:
    if not key:
        return pafs.LocalFileSystem()
    if key.startswith(hub_address.SCHEME):  # imported where they are used: an HTTP client takes its time
        from dataprep.storage.hub import Hub

        place = hub_address.parse(key)
        return Hub(place.repository, place.revision)
    if key.startswith(WEB):
        from dataprep.storage.web import Web

        return Web()
    scheme, _, authority = key.partition("://")
    if scheme == "hdfs":
        return Hdfs(authority)
    if scheme == "gs" and (server := os.environ.get("STORAGE_EMULATOR_HOST")):
        # An explicit endpoint without credentials: nothing is looked up at a metadata address.
        how, _, host = server.rpartition("://")
        gcs = pafs.GcsFileSystem(anonymous=True, scheme=how or "http", endpoint_override=host, project_id="none")
        return Store(gcs, scheme)
    return Store(pafs.FileSystem.from_uri(key)[0], scheme)


def resolve(uri: str) -> tuple[pafs.LocalFileSystem | Hdfs | Store | ReadOnly, str]:
    """The file system that holds `uri`, and the path inside it.

    Raises:
        InputError: the scheme is not one that is served, or nothing is known about the server.
    """
    if is_local(uri):
        return _filesystem(""), uri
    if uri.startswith(hub_address.SCHEME):
        place = hub_address.parse(uri)
        return _filesystem(place._replace(path="").uri), place.path
    if uri.startswith(WEB):
        return _filesystem(WEB[0]), uri
    scheme, _, rest = uri.partition("://")
    scheme = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}.get(scheme, scheme)
    authority = rest.partition("/")[0]
    try:
        found = _filesystem(f"{scheme}://{authority}")
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        remedy = "use a path, s3://, gs://, hdfs://, hf://datasets/ or https://"
        raise InputError(f"cannot open this kind of storage ({_brief(error)})", file=uri, remedy=remedy) from None
    return found, "/" + rest.partition("/")[2] if scheme == "hdfs" else rest


def exists(uri: str) -> bool:
    """Whether `uri` is a file or a directory."""
    filesystem, path = resolve(uri)
    return bool(filesystem.get_file_info(path).type != pafs.FileType.NotFound)


def size(uri: str) -> int:
    """Bytes of the file `uri`.

    Raises:
        InputError: it is not a file.
    """
    filesystem, path = resolve(uri)
    info = filesystem.get_file_info(path)
    if info.type != pafs.FileType.File:
        raise InputError("no such file", file=uri, remedy="check the path")
    return int(info.size)


def open_input(uri: str, *, buffer: int = 0) -> pa.NativeFile:
    """Open `uri` for reading: seekable, raw bytes, no decompression.

    Args:
        buffer: bytes to fetch at a time from a server, whose every answer takes its time; what suits single reads by
            default.

    Raises:
        InputError: it does not exist or may not be read.
        StorageError: it is not known whether. Reading may raise it too.
    """
    filesystem, path = resolve(uri)
    try:
        if isinstance(filesystem, pafs.LocalFileSystem):
            return filesystem.open_input_file(path)
        return filesystem.open_input_file(path, buffer)
    except OSError as error:
        if lacks := resources.lacking(error, uri):
            raise lacks from None
        raise InputError(f"cannot read the file ({_brief(error)})", file=uri, remedy="check the path") from None


def read_bytes(uri: str) -> bytes:
    """All bytes of `uri`."""
    with open_input(uri, buffer=CHUNK) as stream:
        return bytes(stream.read())


def read_whole(uri: str, most: int) -> tuple[int, bytes] | None:
    """Size and bytes of the file `uri`, without the bytes where it has more than `most`; None where there is none.

    Of a server that is only read from, this takes one request.

    Raises:
        InputError: it is there and may not be read.
        StorageError: it is not known whether it is there, or reading fails.
    """
    filesystem, path = resolve(uri)
    if isinstance(filesystem, ReadOnly):
        return filesystem.read_whole(path, most)
    info = filesystem.get_file_info(path)
    if info.type != pafs.FileType.File:
        return None
    if info.size > most:
        return info.size, b""
    data = read_bytes(uri)
    return len(data), data


def read_json(uri: str) -> Any:
    """The JSON value in the file `uri`.

    Raises:
        InputError: it is missing or is not JSON.
    """
    try:
        return orjson.loads(read_bytes(uri))
    except orjson.JSONDecodeError as error:
        raise InputError(f"not valid JSON ({error})", file=uri) from None


def to_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys, so that equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def to_json_by_item(value: Mapping[str, Any], name: str, items: Iterable[Any]) -> bytes:
    """Canonical JSON of `value` with the list `items` under `name`, of which some are converted at a time.

    The dictionaries of a hundred thousand models take more memory than the models.
    """
    left = iter(items)
    pieces = iter(lambda: to_json(list(islice(left, _AT_A_TIME)))[1:-1], b"")
    long = b"[" + b",".join(pieces) + b"]"
    entries = [(key, long if key == name else to_json(value[key])) for key in sorted({*value, name})]
    return b"{" + b",".join(to_json(key) + b":" + data for key, data in entries) + b"}"


def publish_bytes(data: bytes | memoryview, uri: str, *, durable: bool = True, temporary: str | None = None) -> None:
    """Make `uri` hold exactly `data`, atomically: readers see the old file, the new file, or none.

    Args:
        durable: as for `publish_file`.
        temporary: directory on the same file system for the file in the making, where there has to be one (local disk,
            HDFS); beside `uri` by default.
    """
    filesystem, path = resolve(uri)
    if isinstance(filesystem, pafs.LocalFileSystem):
        _parent(path)
        unfinished = _temporary(path if temporary is None else os.path.join(temporary, os.path.basename(path)))
        with open(unfinished, "xb") as stream:
            stream.write(data)
        atomic_files.rename(Path(unfinished), Path(path), durable=durable)
        return
    _put(filesystem, path, [data], temporary)


def publish_file(local: str | Path, uri: str, *, durable: bool = True, temporary: str | None = None) -> None:
    """Move the finished local file to `uri`, atomically. `local` is gone afterwards.

    Args:
        temporary: as for `publish_bytes`, for HDFS.
        durable: return only when the file would survive a power cut. Without it, the caller must be able to tell later.
    """
    filesystem, path = resolve(uri)
    if isinstance(filesystem, pafs.LocalFileSystem):
        if os.stat(local).st_dev == os.stat(_parent(path)).st_dev:
            atomic_files.rename(Path(local), Path(path), durable=durable)
            return
        copy = _temporary(path)
        shutil.copyfile(local, copy)
        atomic_files.rename(Path(copy), Path(path), durable=durable)
        os.unlink(local)
        return
    with open(local, "rb") as stream:
        _put(filesystem, path, iter(lambda: stream.read(CHUNK), b""), temporary)
    os.unlink(local)


def flush(uris: Sequence[str]) -> None:
    """Return when the files `uris` would survive a power cut; what a store has taken does.

    They go to disk together: a file system needs hardly longer for many than for one.
    """
    local = [Path(uri) for uri in uris if is_local(uri)]
    if len(local) < 2:
        for path in local:
            atomic_files.flush(path)
        return
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(atomic_files.flush, local))


def _put(
    filesystem: Hdfs | Store | ReadOnly, path: str, chunks: Iterable[bytes | memoryview], temporary: str | None
) -> None:
    folder = path.rpartition("/")[0] if temporary is None else resolve(temporary)[1]
    filesystem.publish(path, chunks, f"{folder}/.{basename(path)}.{uuid.uuid4().hex}.tmp")


def _parent(path: str) -> str:
    parent = os.path.dirname(path)
    os.makedirs(parent, exist_ok=True)
    return parent


def _temporary(path: str) -> str:
    return os.path.join(_parent(path), f".{os.path.basename(path)}.{uuid.uuid4().hex}.tmp")


def list_files(root: str) -> list[str]:
    """URIs of all files below the directory `root`, sorted; empty where it does not exist."""
    filesystem, path = resolve(root)
    selector = pafs.FileSelector(path, recursive=True, allow_not_found=True)
    names = [info.path for info in filesystem.get_file_info(selector) if info.type == pafs.FileType.File]
    prefix = path.rstrip("/")
    return sorted(root.rstrip("/") + name.removeprefix(prefix) for name in names)


def remove_tree(root: str) -> None:
    """Delete the directory `root` and all below it, if it exists."""
    filesystem, path = resolve(root)
    if filesystem.get_file_info(path).type == pafs.FileType.Directory:
        filesystem.delete_dir(path)


def remove(uri: str) -> None:
    """Delete the file `uri`, if it exists."""
    filesystem, path = resolve(uri)
    if filesystem.get_file_info(path).type == pafs.FileType.File:
        filesystem.delete_file(path)


def _brief(error: BaseException) -> str:
    """The error's first line without the C++ detail that pyarrow appends."""
    return (os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)).splitlines()[0]
