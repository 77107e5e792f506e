"""A loopback proxy in front of an S3 server that can hold requests back: a remote that has stopped answering."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.helpers.served import served

LONGEST = 300.0


class Gate:
    """Forwards everything to the server at `behind`, except what it is told to hold."""

    def __init__(self, behind: str) -> None:
        self.behind = urlsplit(behind).netloc
        self.held = threading.Event()
        """Set while at least one request has been held."""
        self._open = threading.Event()
        self._open.set()
        self._part = ""
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if gate._part and self.command == "PUT" and gate._part in self.path:
                    gate.held.set()
                    gate._open.wait(LONGEST)
                    self.close_connection = True
                    return  # as if it had never come: the client tries again, if it still lives
                behind = http.client.HTTPConnection(gate.behind, timeout=60)
                behind.request(self.command, self.path, body, dict(self.headers))
                answer = behind.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection", "server", "date"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(content)
                behind.close()

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - http.server's names

            def log_message(self, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # clients are killed in these tests

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def hold(self, part: str) -> None:
        """Hold uploads of objects whose key contains `part`."""
        self.held.clear()
        self._open.clear()
        self._part = part

    def release(self) -> None:
        """Hold nothing any more; what was held is dropped."""
        self._part = ""
        self._open.set()


@contextmanager
def gate_before(url: str) -> Iterator[Gate]:
    """A running gate before the server at `url`."""
    gate = Gate(url)
    with served(gate.server):
        try:
            yield gate
        finally:
            gate.release()
