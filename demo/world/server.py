"""Serve the world's pictures on the loopback, misbehaving where `world.json` says so.

Plain `http.server`, a thread a request. Missing files give 404 as everywhere; the rest of the misbehaviour is what
downloaders meet: an error page with status 200, a body shorter than its Content-Length, a redirect, a slow host.
Run by itself: `python -m demo.world.server OUT`.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import mimetypes
import signal
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from common.errors import InputError, exit_code
from demo.world.world import Defect, World

HOST = "127.0.0.1"
SLOW_SECONDS = 1.0
"""Delay of a `slow` URL."""


class WorldServer(ThreadingHTTPServer):
    """Serves `root / "images"`; `serve_forever` until `shutdown`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root: Path, port: int | None = None) -> None:
        """Bind to `port` (default: the one that the world's URLs name; 0: any free one).

        Raises:
            InputError: no world at `root`, or the port is taken.
        """
        world = World.load(root)
        self.images = (root / "images").resolve()
        self.acts: dict[str, Defect] = {defect.path: defect for defect in world.defects if defect.path is not None}
        port = world.port if port is None else port
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            remedy = "wait until another demo has ended, stop what listens there, or make a world with another --port"
            raise InputError(f"port {port} on {HOST} is taken", remedy=remedy) from None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{HOST}:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is a bug and is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: WorldServer

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: thousands of lines of requests tell nobody anything."""

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        defect = self.server.acts.get(path)
        kind = None if defect is None else defect.kind
        if kind == "slow":
            time.sleep(SLOW_SECONDS)
        if kind == "redirect" and (target := self._redirect_target(path)) is not None:
            self.send_response(302)
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = self._file(path)
        if file is None:
            self.send_error(404)
            return
        body = file.read_bytes()
        self.send_response(200)
        guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self.send_header("Content-Type", "text/html; charset=utf-8" if kind == "html" else guessed)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[: len(body) // 2] if kind == "truncated_body" else body)

    def _file(self, path: str) -> Path | None:
        """The file that `path` names, if it lies below the images."""
        if "\0" in path:
            return None
        file = (self.server.images / path.lstrip("/")).resolve()
        return file if file.is_relative_to(self.server.images) and file.is_file() else None

    def _redirect_target(self, path: str) -> str | None:
        """Where the picture moved: same uid, in its folder, with its ending."""
        uid = path.rpartition("/")[2]
        for ending in ("jpg", "png"):
            if self._file(target := f"/pairs/{uid[:2]}/{uid}.{ending}") is not None:
                return target
        return None


@contextlib.contextmanager
def serving(root: str | Path, port: int | None = None) -> Iterator[str]:
    """Serve the world at `root` from a thread for the length of a `with` block, whose value is the base URL.

    `port` is as in `WorldServer`; with any other than the world's own, the URLs in its tables lead nowhere.
    """
    with WorldServer(Path(root), port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m demo.world.server", description=__doc__.split("\n\n")[0])
    parser.add_argument("world", type=Path, help="directory that 'python -m demo.world' made")
    arguments = parser.parse_args()
    with WorldServer(arguments.world) as server:

        def stop(signal_number: int, frame: object) -> None:
            # shutdown() waits for serve_forever, which this very thread runs.
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print(f"serving {server.images} at {server.url} (Ctrl-C or SIGTERM stops it)", flush=True)
        server.serve_forever(poll_interval=0.1)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
