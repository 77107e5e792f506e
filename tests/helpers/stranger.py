"""A loopback server that answers as strangers' servers do: well, badly, and with malice; and what must come of it.

`HOSTILE` maps paths on it to the reason that each must end with, `ODD` those that are strange and fine.
"""

from __future__ import annotations

import functools
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from tests.helpers.pictures import huge_png, saved
from tests.helpers.served import served

Picture = Callable[..., bytes]

HOSTILE = {
    # Where a redirect leads.
    "redirect/http://169.254.169.254/latest/meta-data/": "address",
    "redirect/http://127.0.0.2/": "address",
    "redirect/http://[::1]/": "address",
    "redirect/http://[::ffff:169.254.169.254]/": "address",
    "redirect/http://[::ffff:7f00:2]/": "address",
    "redirect/http://[64:ff9b::a9fe:a9fe]/": "address",
    "redirect/http://[2002:7f00:2::1]/": "address",
    "redirect/http://2852039166/": "address",
    "redirect/file:///etc/passwd": "scheme",
    "redirect/ftp://127.0.0.1/x": "scheme",
    "redirect/http://no-such-host.invalid/": "dns",
    "loop/x": "redirects",
    "nowhere/x": "redirects",
    # How the body comes.
    "endless/x": "body_too_large",
    "big/x": "body_too_large",
    "drip/x": "timeout",
    "dripheader/x": "timeout",
    "silent/x": "timeout",
    "garbage/x": "protocol",
    "gzip/x.jpg": "not_an_image",
    "truncated/x": "body_truncated",
    # What it is.
    "hugepng/x.png": "too_many_pixels",
    "cut/x": "image_truncated",
    "svg/x.jpg": "not_an_image",
    "html/x.jpg": "not_an_image",
    "gif/x": "animated",
    "empty/x": "not_an_image",
    # What the server says.
    "status/403": "http_forbidden",
    "status/404": "http_gone",
    "status/418": "http_4xx",
    "status/429": "http_rate_limited",
    "status/503": "http_5xx",
    "status/204": "http_other",
    "optout/x": "opted_out",
}
ODD = ("cmyk/x", "sixteen/x", "rotated/6", "short/1", "chunked/8", "redirect//good/9", "endless/redirect")
"""Unusual, and yet a picture."""


def encode(seed: int, kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    """Encoded bytes of a smooth picture, equal for equal arguments."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return saved(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC), kind, **options)


@functools.cache
def odd_picture(kind: str) -> bytes:
    """Pictures that decoders trip over: animated, CMYK, 16 bits a channel, on its side by EXIF."""
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    if kind == "gif":
        return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    if kind == "cmyk":
        return saved(Image.new("CMYK", (40, 30), (10, 20, 30, 40)), "JPEG")
    if kind == "sixteen":
        return saved(Image.new("I;16", (40, 30), 40_000), "PNG")
    exif = Image.Exif()
    exif[0x0112] = int(kind)
    return encode(5, exif=exif)


class Stranger(ThreadingHTTPServer):
    """Serves `/NAME/anything`; counts requests by path."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, picture: Picture = encode) -> None:
        self.picture = picture
        self.robots: tuple[int, bytes] = (404, b"")
        self.down = False
        """While set, `/later/` answers 503."""
        self.at_once, self.most_at_once, self._count = 0, 0, threading.Lock()
        self.requests: list[str] = []
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def enter(self, change: int) -> None:
        """Count `/slow/` requests that are here at one time."""
        with self._count:
            self.at_once += change
            self.most_at_once = max(self.most_at_once, self.at_once)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that give up are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Stranger

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if self.path == "/robots.txt":
            self.answer(self.server.robots[1], self.server.robots[0])
            return
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

    def serve_tiff(self, rest: str) -> None:
        self.answer(saved(Image.new("RGB", (40, 30)), "TIFF"), Content_Type="image/jpeg")

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
        self.wfile.write(self.server.picture(1)[:200])
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
        self.answer(gzip.compress(bytes(10_000_000), mtime=0), Content_Encoding="gzip", Content_Type="image/jpeg")

    def serve_hugepng(self, rest: str) -> None:
        self.answer(huge_png(20_000))

    def serve_gif(self, rest: str) -> None:
        self.answer(odd_picture("gif"), Content_Type="image/jpeg")

    def serve_cmyk(self, rest: str) -> None:
        self.answer(odd_picture("cmyk"))

    def serve_sixteen(self, rest: str) -> None:
        self.answer(odd_picture("sixteen"))

    def serve_rotated(self, rest: str) -> None:
        self.answer(odd_picture(rest))

    def serve_empty(self, rest: str) -> None:
        self.answer(b"")

    def serve_later(self, rest: str) -> None:
        self.answer(b"", 503) if self.server.down else self.serve_good(rest)

    def serve_slow(self, rest: str) -> None:
        """Takes long enough for others to come meanwhile, if they may."""
        self.server.enter(1)
        time.sleep(0.05)
        self.server.enter(-1)
        self.serve_good(rest)

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


@contextmanager
def running(picture: Picture = encode) -> Iterator[Stranger]:
    """A server that runs meanwhile."""
    with served(Stranger(picture)) as server:
        try:
            yield server
        finally:
            server.closing.set()
