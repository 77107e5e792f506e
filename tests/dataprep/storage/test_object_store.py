"""A store that fails is neither a missing nor a damaged file: nothing is rejected, the job says so and can go on."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pytest
import zstandard
from moto.server import ThreadedMotoServer

from common.errors import InputError, ResourceError, StorageError
from dataprep.storage import files, globs
from dataprep.storage.object_store import Store
from dataprep.text.config import TextJob
from dataprep.text.read import documents

ROWS = b"".join(b'{"text": "%d and %d"}\n' % (number, number * 7919) for number in range(2000))
PACKED = {"jsonl": lambda: ROWS, "jsonl.gz": lambda: gzip.compress(ROWS), "jsonl.zst": lambda: zstandard.compress(ROWS)}


class Breaks(io.BytesIO):
    """A connection that breaks when it is asked for what lies beyond `good` bytes."""

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self.good = good

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        if self.tell() > self.good:
            raise OSError("Connection reset by peer")
        return found


class Wire(pafs.FileSystemHandler):  # type: ignore[misc]
    """A store with one file behind such a connection; it answers nothing else."""

    def __init__(self, data: bytes, good: int) -> None:
        self.data, self.good = data, good

    def open_input_file(self, path: str) -> pa.PythonFile:
        return pa.PythonFile(Breaks(self.data, self.good), mode="r")

    def normalize_path(self, path: str) -> str:
        return path

    def _silent(self, *_: Any) -> Any:
        raise OSError("no answer")

    get_type_name = get_file_info = get_file_info_selector = create_dir = delete_dir = delete_dir_contents = _silent
    delete_root_dir_contents = delete_file = move = copy_file = open_input_stream = open_output_stream = _silent
    open_append_stream = __eq__ = __ne__ = _silent  # type: ignore[assignment]


@pytest.mark.parametrize("name", PACKED)
def test_a_connection_that_breaks_is_not_a_damaged_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tokenizer_dir: Path, name: str
) -> None:
    data = PACKED[name]()
    (tmp_path / f"a.{name}").write_bytes(data)
    settings = {"inputs": f"{tmp_path}/a.{name}", "out": str(tmp_path / "out"), "tokenizer": str(tokenizer_dir)}
    job = TextJob.model_validate({**settings, "unreadable": "reject"})

    def read(good: int) -> int:
        store = Store(pafs.PyFileSystem(Wire(data, good)), "s3")
        monkeypatch.setattr(files, "resolve", lambda _: (store, f"bucket/a.{name}"))
        return len(list(documents(f"s3://bucket/a.{name}", job)))

    assert read(len(data)) == 2000
    for good in (0, len(data) // 2, len(data) - 1):
        with pytest.raises(StorageError, match=rf"s3://bucket/a.{name}: storage failed .Connection reset"):
            read(good)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """An S3 server that a test may stop."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    files._filesystem.cache_clear()
    pafs.S3FileSystem(
        endpoint_override=f"{host}:{port}",
        scheme="http",
        access_key="test",
        secret_key="test",
        allow_bucket_creation=True,
    ).create_dir("bucket")
    yield running
    files._filesystem.cache_clear()


def test_a_server_that_is_gone_is_not_a_missing_file(server: ThreadedMotoServer) -> None:
    uri = "s3://bucket/a"
    files.publish_bytes(b"x" * (1 << 20), uri)
    with pytest.raises(InputError, match="cannot read the file"):
        files.open_input("s3://bucket/none")
    opened = files.open_input(uri)
    assert opened.read(5) == b"xxxxx"
    server.stop()
    with pytest.raises(StorageError, match="s3://bucket/a: storage failed"):  # after pyarrow's own attempts
        opened.read(1 << 20)
    with pytest.raises(StorageError, match="s3://bucket/a: storage failed"):
        files.open_input(uri)


def test_no_answer_is_not_a_missing_file(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(pafs.PyFileSystem(Wire(b"", 0)), "s3")
    monkeypatch.setattr(files, "resolve", lambda _: (store, "bucket/a"))
    for ask in (files.exists, files.size, files.list_files, files.remove, files.remove_tree):
        with pytest.raises(StorageError, match=r"s3://bucket/a: storage failed .no answer"):
            ask("s3://bucket/a")
    with pytest.raises(StorageError, match=r"s3://bucket/a: storage failed .no answer"):
        files.publish_bytes(b"", "s3://bucket/a")
    with pytest.raises(StorageError, match="no answer"):
        globs.expand(["s3://bucket/*.zst"])


class _Denies(BaseHTTPRequestHandler):
    """An S3 server that denies whatever is asked of it."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"" if self.command == "HEAD" else b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        self.send_response(HTTPStatus.FORBIDDEN)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 (the base class's names)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_store_that_denies_access_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Denies)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    named = {"ACCESS_KEY_ID": "t", "SECRET_ACCESS_KEY": "t", "DEFAULT_REGION": "us-east-1", "MAX_ATTEMPTS": "1"}
    for name, value in {**named, "ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    files._filesystem.cache_clear()
    calls: list[Callable[[str], object]] = [
        *(files.exists, files.size, files.list_files, files.remove, files.open_input),
        lambda uri: files.publish_bytes(b"a", uri),
    ]
    try:
        for call in calls:
            with pytest.raises(
                ResourceError, match=r"s3://b/k\S*: access is denied \(When .*\); check the credentials"
            ):
                call("s3://b/k/x")
    finally:
        files._filesystem.cache_clear()
        server.shutdown()
        server.server_close()
