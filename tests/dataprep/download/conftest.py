"""A loopback server that answers as strangers' servers do: well, badly, and with malice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Picture = Callable[..., bytes]


class Stranger(ThreadingHTTPServer):
    """Serves `/NAME/anything`; counts requests by path."""

    daemon_threads = True

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.requests: list[str] = []
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that give up are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Stranger

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        name, _, rest = self.path.lstrip("/").partition("/")
        getattr(self, f"serve_{name}", self.serve_missing)(rest)

    def answer(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def serve_missing(self, rest: str) -> None:
        self.answer(b"<html>gone</html>", 404)

    def serve_good(self, rest: str) -> None:
        self.answer(self.server.picture(int(rest.partition("?")[0])))

    def serve_chunked(self, rest: str) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        body = self.server.picture(int(rest))
        for start in range(0, len(body), 500):
            part = body[start : start + 500]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def serve_status(self, rest: str) -> None:
        self.answer(b"no", int(rest))

    def serve_html(self, rest: str) -> None:
        self.answer(b"<html><body>Sign in</body></html>", Content_Type="image/jpeg")

    def serve_svg(self, rest: str) -> None:
        self.answer(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", Content_Type="image/svg+xml")

    def serve_truncated(self, rest: str) -> None:
        body = self.server.picture(1)
        self.answer(body[: len(body) // 2], length=len(body))

    def serve_cut(self, rest: str) -> None:
        body = self.server.picture(1)
        self.answer(body[: len(body) // 2])

    def serve_short(self, rest: str) -> None:
        """More bytes than announced: the client must stop at the announced length."""
        body = self.server.picture(1)
        self.answer(body + b"more", length=len(body))

    def serve_redirect(self, rest: str) -> None:
        self.answer(b"x" * 100, 302, Location=rest)

    def serve_loop(self, rest: str) -> None:
        self.answer(b"", 302, Location="/loop/again")

    def serve_nowhere(self, rest: str) -> None:
        self.answer(b"", 302)

    def serve_endless(self, rest: str) -> None:
        self.send_response(302 if rest == "redirect" else 200)
        if rest == "redirect":
            self.send_header("Location", "/good/1")
        self.end_headers()
        while not self.server.closing.is_set():
            self.wfile.write(b"\xff\xd8\xff" + bytes(65536))

    def serve_drip(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.drip(b"\xff")

    def serve_dripheader(self, rest: str) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        self.drip(b"x")

    def drip(self, byte: bytes) -> None:
        while not self.server.closing.is_set():
            self.wfile.write(byte)
            self.wfile.flush()
            time.sleep(0.05)

    def serve_silent(self, rest: str) -> None:
        self.server.closing.wait(20)

    def serve_garbage(self, rest: str) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")

    def serve_big(self, rest: str) -> None:
        self.answer(b"", length=10**12)

    def serve_gzip(self, rest: str) -> None:
        self.answer(b"\x1f\x8b\x08" + bytes(100), Content_Encoding="gzip")

    def serve_optout(self, rest: str) -> None:
        self.answer(self.server.picture(1), X_Robots_Tag="noai")

    def serve_flaky(self, rest: str) -> None:
        """503 twice, then the picture."""
        tries = sum(path == self.path for path in self.server.requests)
        if tries <= 2:
            self.answer(b"", 503)
        else:
            self.serve_good(rest)

    def serve_busy(self, rest: str) -> None:
        self.answer(b"", 429, Retry_After=rest)


@pytest.fixture(scope="module")
def stranger(picture: Picture) -> Iterator[Stranger]:
    """A running server."""
    server = Stranger(picture)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
