"""Fetches one image from a stranger's server within fixed limits: scheme, address, redirects, bytes, time, pace.

`urllib.request.urlopen`, which img2dataset calls, opens `file://`, follows redirects anywhere, reads bodies without
end and, on a redirect, reads even the body that it throws away; `Fetcher.open` is called in its place (by
`dataprep.download.opener`). It speaks HTTP through `http.client`, one connection a hop, each made by the
`AddressGuard`; proxies from the environment are not used, because the guard could not see whom they dial. Bodies are
asked for uncompressed and never decompressed: a gzip bomb stays as small as it was sent, and is no image. What does not
start as an image is not read to its end.

Retries live here and not in img2dataset, which retries a 404 as eagerly as a time-out, and at once.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator
from email.message import Message

from common import resources
from dataprep.download.client.address_guard import AddressGuard
from dataprep.download.client.deadline import Deadline, DeadlineSocket
from dataprep.download.client.fetch_limits import FetchPolicy
from dataprep.download.client.host_limits import HostLimits
from dataprep.download.client.reasons import TRANSIENT, FetchError, Reason, of_status
from dataprep.download.client.response_headers import opted_out
from dataprep.download.client.robots_txt import MAX_BYTES, RobotsCache
from dataprep.images.inspect import SNIFF_BYTES, refusal, sniff
from dataprep.storage.retry_after import retry_after

CHUNK = 65536
_SAFE = "/%:=&?~#+!$,;'@()*[]|"
_REDIRECTS = frozenset([301, 302, 303, 307, 308])


class Fetched(io.BytesIO):
    """A body in memory with its headers, as much of a urllib response as img2dataset uses."""

    def __init__(self, body: bytes, headers: Message) -> None:
        super().__init__(body)
        self.headers = headers


class Fetcher:
    """Opens URLs on strangers' servers; safe to share between threads.

    Args:
        policy: the limits.
        guard: decides which addresses may be dialled.
        sleep, clock: for waits between attempts and requests; replaced in tests.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        guard: AddressGuard,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy, self._guard, self._sleep = policy, guard, sleep
        self._tls = ssl.create_default_context()
        self._hosts = HostLimits(
            policy.host_connections,
            policy.host_interval,
            policy.max_wait,
            policy.host_failures,
            clock=clock,
            sleep=sleep,
        )
        self._robots = RobotsCache(self._robots_txt, policy.agent) if policy.robots_txt else None

    def open(self, url: str) -> Fetched:
        """Fetch what lies behind `url`, an image by its first bytes.

        Raises:
            FetchError: the reason after the last attempt.
        """
        for attempt in range(self._policy.retries + 1):
            try:
                return self._attempt(url)
            except FetchError as failure:
                wait = max(self._policy.backoff * 2**attempt, failure.retry_after or 0.0)
                final = failure.reason not in TRANSIENT or attempt == self._policy.retries
                if final or wait > self._policy.max_wait:
                    raise
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _attempt(self, url: str) -> Fetched:
        with self._followed(url, self._robots) as response:
            return self._accept(response)

    def _robots_txt(self, origin: str) -> tuple[int, bytes]:
        """Status and body of `origin`'s robots.txt, redirects followed; longer files are cut."""
        with self._followed(f"{origin}/robots.txt", None) as response:
            body = bytearray()
            while response.status == 200 and len(body) < MAX_BYTES and (chunk := response.read1(CHUNK)):
                body += chunk
            return response.status, bytes(body)

    @contextlib.contextmanager
    def _followed(self, url: str, robots: RobotsCache | None) -> Iterator[http.client.HTTPResponse]:
        """The first answer that is no redirect. Whatever goes wrong, while the body is read too, is a FetchError."""
        deadline = Deadline(self._policy.total_timeout, self._policy.timeout)
        try:
            for _ in range(self._policy.max_redirects + 1):
                with self._response(url, deadline, robots) as response:
                    if response.status not in _REDIRECTS:
                        yield response
                        return
                    target = response.headers.get("Location")
                if not target:
                    raise FetchError(Reason.REDIRECTS, f"HTTP {response.status} without Location")
                url = urllib.parse.urljoin(url, target)
            raise FetchError(Reason.REDIRECTS, f"more than {self._policy.max_redirects}")
        except TimeoutError:
            raise deadline.timed_out() from None
        except ssl.SSLError as error:
            raise FetchError(Reason.TLS, str(error)) from None
        except OSError as error:
            resources.check(error, url)
            raise FetchError(Reason.CONNECT, str(error)) from None
        except http.client.InvalidURL as error:
            raise FetchError(Reason.BAD_URL, str(error)) from None
        except http.client.HTTPException as error:
            raise FetchError(Reason.PROTOCOL, f"{type(error).__name__}: {error}") from None
        except ValueError as error:  # urlsplit and IDNA refuse malformed URLs so
            raise FetchError(Reason.BAD_URL, str(error)) from None

    @contextlib.contextmanager
    def _response(self, url: str, deadline: Deadline, robots: RobotsCache | None) -> Iterator[http.client.HTTPResponse]:
        """The answer for `url`, headers read, over a connection to a judged address; closed on exit."""
        parts = urllib.parse.urlsplit(url)
        if not parts.scheme:
            raise FetchError(Reason.BAD_URL, "no scheme")
        if parts.scheme not in ("http", "https"):
            raise FetchError(Reason.SCHEME, parts.scheme)
        if not parts.hostname:
            raise FetchError(Reason.BAD_URL, "no host")
        port = parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80
        request, target = _request(parts, self._policy.agent)
        if robots:
            began = time.monotonic()
            robots.check(f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}", target)
            deadline.extend(time.monotonic() - began)
        with self._hosts.slot(parts.hostname) as waited:
            deadline.extend(waited)
            raw, response = self._ask(parts.hostname, port, request, deadline, tls=parts.scheme == "https")
            try:
                if (asked := retry_after(response.headers)) and response.status in (429, 503):
                    self._hosts.hold(parts.hostname, asked)
                yield response
            finally:
                raw.close()

    def _ask(
        self, host: str, port: int, request: bytes, deadline: Deadline, *, tls: bool
    ) -> tuple[socket.socket, http.client.HTTPResponse]:
        """A connection to a judged address, and the answer whose headers it has brought."""
        raw = None
        try:
            raw = self._guard.connect(host, port, deadline, self._policy.ports)
            if tls:
                raw.settimeout(deadline.left())
                raw = self._tls.wrap_socket(raw, server_hostname=host)
            connection = DeadlineSocket(raw, deadline)
            connection.sendall(request)
            response = http.client.HTTPResponse(connection, method="GET")  # type: ignore[arg-type]
            response.begin()
        except BaseException as error:
            if raw is not None:
                raw.close()
            if _no_answer(error):
                self._hosts.answered(host, well=False)
            raise
        self._hosts.answered(host, well=True)
        return raw, response

    def _accept(self, response: http.client.HTTPResponse) -> Fetched:
        """Judge status and headers, and read the body under its cap."""
        if response.status != 200:
            raise FetchError(
                of_status(response.status), f"HTTP {response.status}", retry_after=retry_after(response.headers)
            )
        if opted_out(response.headers, self._policy.agent, self._policy.opt_out):
            raise FetchError(Reason.OPTED_OUT, "X-Robots-Tag")
        return Fetched(self._read(response), response.headers)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        announced = response.length
        if announced is not None and announced > self._policy.max_bytes:
            raise FetchError(Reason.BODY_TOO_LARGE, f"{announced:,} bytes announced")
        body, sniffed = bytearray(), False
        try:
            while chunk := response.read1(CHUNK):
                body += chunk
                if not sniffed and len(body) >= SNIFF_BYTES:
                    sniffed = _sniff(body)
                if len(body) > self._policy.max_bytes:
                    raise FetchError(Reason.BODY_TOO_LARGE, f"more than {self._policy.max_bytes:,} bytes")
        except http.client.IncompleteRead:
            raise FetchError(Reason.BODY_TRUNCATED, f"{len(body):,} bytes came") from None
        if announced is not None and len(body) < announced:
            raise FetchError(Reason.BODY_TRUNCATED, f"{len(body):,} of {announced:,} bytes")
        if not sniffed:
            _sniff(body)
        return bytes(body)


def _no_answer(error: BaseException) -> bool:
    """Whether nothing came back; a refused address, a bad certificate or garbage is something."""
    if isinstance(error, FetchError):
        return error.reason in (Reason.DNS, Reason.CONNECT, Reason.TIMEOUT)
    return isinstance(error, OSError) and not isinstance(error, ssl.SSLError)


def _sniff(body: bytearray) -> bool:
    """True for the beginning of an image, else FetchError."""
    first = bytes(body[:SNIFF_BYTES])
    if sniff(first) is None:
        raise FetchError(*refusal(first))
    return True


def _request(parts: urllib.parse.SplitResult, agent: str) -> tuple[bytes, str]:
    """The request's bytes, and the path and query in them.

    What is not plain ASCII is quoted as browsers do; user names in a URL are not sent.
    """
    path = urllib.parse.quote(parts.path or "/", safe=_SAFE)
    query = f"?{urllib.parse.quote(parts.query, safe=_SAFE)}" if parts.query else ""
    host = (parts.netloc.rpartition("@")[2]).encode("idna").decode()
    lines = (
        f"GET {path}{query} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: Mozilla/5.0 (compatible; {agent})",
        "Accept: image/jpeg,image/png,image/webp,image/gif,*/*;q=0.1",  # what is taken: `image/*` invites AVIF
        "Accept-Encoding: identity",
        "Connection: close",
    )
    if any(not line.isprintable() for line in lines):
        raise FetchError(Reason.BAD_URL, "control characters")
    return "\r\n".join((*lines, "", "")).encode("ascii"), path + query
