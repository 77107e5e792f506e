"""Holds the limits of one fetch: what `config.DownloadJob` says, for the fetcher of one task."""

from __future__ import annotations

from dataclasses import dataclass

from dataprep.download.client.address_guard import WEB


@dataclass(frozen=True)
class FetchPolicy:
    """Limits of one fetch."""

    timeout: float = 10.0
    """Seconds for one wait: connect, TLS, next bytes."""
    total_timeout: float = 60.0
    """Seconds for one attempt, redirects and body included."""
    ports: frozenset[int] = WEB
    """Ports that are dialled."""
    max_redirects: int = 5
    retries: int = 2
    """Further attempts after a failure that may pass."""
    backoff: float = 1.0
    """Seconds before the first retry; doubled for each further one."""
    max_wait: float = 30.0
    """Seconds; a host that asks for a longer wait (Retry-After) is not asked again."""
    host_connections: int | None = None
    """Open at once to one host, by this fetcher; None is no limit."""
    host_interval: float = 0.0
    """Seconds from one request to a host to the next, by this fetcher."""
    host_failures: int | None = None
    """Requests in a row without an answer, after which a host is given up; None is never."""
    robots_txt: bool = False
    """Whether each host's robots.txt is fetched first and kept to."""
    opt_out: frozenset[str] = frozenset()
    """Directives in X-Robots-Tag that forbid this use."""
    agent: str = "switchpoint"
    """Token of the User-Agent, which directives may address."""
    max_bytes: int = 20_000_000
    """Of a body, counted while it is read."""
