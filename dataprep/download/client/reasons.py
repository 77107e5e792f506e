"""Defines reason codes: every uid of a download ends as a success or with exactly one of these.

A fetch that fails raises `FetchError` with a reason from `Reason`; what a server sends can never stand in its place,
only in the detail beside it. What img2dataset reports by itself, as free text, is `OTHER`.
"""

from __future__ import annotations

from enum import StrEnum

from dataprep.images.inspect import ImageFault


class Reason(StrEnum):
    """Why a uid has no image; `ImageFault`'s reasons are counted beside these."""

    # Known without dialling.
    NOT_IN_DR = "not_in_dr"
    """In the metadata, but no DataComp-DR tar has its uid."""
    NOT_IN_METADATA = "not_in_metadata"
    """In a DataComp-DR tar, but no metadata row has its uid."""
    DUPLICATE_UID = "duplicate_uid"
    """The uid stands on an earlier row already."""
    BAD_ROW = "bad_row"
    """No uid or no URL, text that is not UTF-8, or a uid with control characters."""
    BAD_URL = "bad_url"
    """The URL cannot be parsed, or has no scheme or no host."""
    SCHEME = "scheme"
    """A scheme other than http and https, at first or after a redirect."""
    # Refused or failed on the way.
    ADDRESS = "address"
    """The name resolves to a private, loopback, link-local, shared, multicast, reserved or metadata address."""
    PORT = "port"
    """The URL names a port that is not dialled (`ports`)."""
    DNS = "dns"
    CONNECT = "connect"
    """Refused, unreachable or reset before an answer."""
    HOST_DOWN = "host_down"
    """Not asked: so many requests in a row got no answer from the host that the task gave it up (`host_failures`)."""
    TLS = "tls"
    TIMEOUT = "timeout"
    """No byte for `timeout` seconds, or the whole fetch took longer than `total_timeout`."""
    REDIRECTS = "redirects"
    """More than the allowed number, or one without a target."""
    PROTOCOL = "protocol"
    """The answer is not HTTP."""
    BODY_TOO_LARGE = "body_too_large"
    BODY_TRUNCATED = "body_truncated"
    """Fewer bytes than Content-Length announced."""
    OPTED_OUT = "opted_out"
    """The server's X-Robots-Tag forbids this use."""
    ROBOTS_TXT = "robots_txt"
    """The host's robots.txt forbids the path (only where the job asks for `robots_txt: true`)."""
    ROBOTS_UNAVAILABLE = "robots_unavailable"
    """The host's robots.txt could not be had: 429 or 5xx."""
    # What the server said.
    FORBIDDEN = "http_forbidden"
    """401, 402, 403, 451."""
    GONE = "http_gone"
    """404, 410."""
    RATE_LIMITED = "http_rate_limited"
    """429, still after the last retry, or the host had asked for a longer wait than `max_wait`."""
    HTTP_CLIENT = "http_4xx"
    """Any other 4xx."""
    HTTP_SERVER = "http_5xx"
    HTTP_OTHER = "http_other"
    """A status that is neither success, redirect nor error."""
    # After the bytes had come.
    HASH_MISMATCH = "hash_mismatch"
    """Only where the job asks for `on_hash_mismatch: reject`."""
    DROPPED = "dropped"
    """img2dataset lost the row twice without a word."""
    OTHER = "other"


REASONS = frozenset([*Reason, *ImageFault])
"""Every code that may stand in a report."""

TRANSIENT = frozenset(
    [
        Reason.DNS,
        Reason.CONNECT,
        Reason.HOST_DOWN,
        Reason.TIMEOUT,
        Reason.PROTOCOL,
        Reason.BODY_TRUNCATED,
        Reason.RATE_LIMITED,
        Reason.HTTP_SERVER,
        Reason.ROBOTS_UNAVAILABLE,
        Reason.DROPPED,
    ]
)
"""Failures that another attempt may mend; all others are final."""


class FetchError(Exception):
    """One fetch that ended without an image."""

    def __init__(self, reason: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(f"[{reason}] {printable(detail)}".rstrip())
        self.reason, self.detail, self.retry_after = reason, detail, retry_after


def of_status(status: int) -> Reason:
    """The reason for an HTTP status that is not a success and not a redirect."""
    if status in (401, 402, 403, 451):
        return Reason.FORBIDDEN
    if status in (404, 410):
        return Reason.GONE
    if status == 429:
        return Reason.RATE_LIMITED
    if 400 <= status < 500:
        return Reason.HTTP_CLIENT
    return Reason.HTTP_SERVER if 500 <= status < 600 else Reason.HTTP_OTHER


def printable(text: str, limit: int = 200) -> str:
    """`text` for a report: one line, no control characters, at most `limit` characters."""
    return "".join(char if char.isprintable() else " " for char in text[:limit])
