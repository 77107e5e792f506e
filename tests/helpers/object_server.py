"""A small S3-like object server on loopback with bad manners on request: slow, failing, gone, or counting what it sent.

`python -m tests.helpers.object_server ROOT [BYTES_A_SECOND]` serves ROOT/<bucket>/<key> and prints its URL.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_BLOCK = 1 << 14


class ObjectServer(ThreadingHTTPServer):
    """Serves the files below `root` by path; a thread's context manager."""

    daemon_threads = True

    def __init__(self, root: Path, bytes_a_second: float | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.rate = root, bytes_a_second
        self.failing = 0
        """Requests for shards still to be answered by `status`."""
        self.status = HTTPStatus.SERVICE_UNAVAILABLE
        self.private = False
        """Requests that are not signed are denied."""
        self.refused = 0
        self.sent: Counter[str] = Counter()
        """Bytes of bodies by path."""
        self._free_at = 0.0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """What Streaming's S3 client needs to come here and nowhere else."""
        return {
            "S3_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def fails(self, path: str) -> bool:
        with self._lock:
            if ".mds" not in path or not self.failing:
                return False
            self.failing -= 1
            self.refused += 1
            return True

    def wait_for_room(self, size: int) -> None:
        """All connections share the rate."""
        if self.rate is None:
            return
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + size / self.rate
            wait = self._free_at - time.monotonic()
        time.sleep(max(0.0, wait))

    def __enter__(self) -> ObjectServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ObjectServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        file = self.server.root / path.lstrip("/")
        if self.server.fails(path):
            return self._status(self.server.status)
        if self.server.private and "Authorization" not in self.headers:
            return self._status(HTTPStatus.FORBIDDEN)
        if not file.is_file():
            return self._status(HTTPStatus.NOT_FOUND)
        data = file.read_bytes()
        start, stop, status = 0, len(data), HTTPStatus.OK
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop, status = int(first), min(len(data), int(last or len(data)) + 1), HTTPStatus.PARTIAL_CONTENT
        self.send_response(status)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", '"0"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        if status is HTTPStatus.PARTIAL_CONTENT:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.end_headers()
        if not body:
            return None
        for low in range(start, stop, _BLOCK):
            block = data[low : min(low + _BLOCK, stop)]
            self.server.wait_for_room(len(block))
            self.wfile.write(block)
        self.server.sent[path] += stop - start
        return None

    def _status(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    server = ObjectServer(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else None)
    print(server.url, flush=True)
    server.serve_forever()
