"""Defines the settings of the download job."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from dataprep.download.client.address_guard import WEB
from dataprep.download.client.fetch_limits import FetchPolicy
from dataprep.images.inspect import ImageLimits
from dataprep.storage.location import Location
from schemas.strict_model import OneOrMany, Strict

_NOT_IDENTITY = {
    *("out", "metadata", "dr", "input_digest", "threads", "host_connections", "host_rate", "host_failures", "rounds"),
    *("timeout", "total_timeout", "max_redirects", "retries", "backoff", "max_wait"),
}
"""Where, how fast and how patiently: these may change between the runs of one job."""


class Columns(Strict):
    """Names the columns of the metadata; the defaults are DataComp's."""

    uid: str | None = "uid"
    """null: the files have none, and a row's uid is a hash of its URL (xxh3-128)."""
    url: str = "url"
    caption: str | None = "text"
    """null: there is none."""
    sha256: str | None = "sha256"
    """Of the picture as it was when the list was made; null: it is not known."""


DATACOMP = Columns()


class DownloadJob(Strict):
    """Fetches the images behind DataComp's URLs into webdataset tars: `spark-submit dataprep/jobs/download.py
    JOB.yaml`.
    """

    metadata: OneOrMany = []
    """Lists of URLs (paths or globs): DataComp's Parquet (uid, url, text, sha256, scores) or others, see `columns`.
    Also CSV and TSV with a line of names first, and JSON lines (also .gz, .zst, .bz2, .xz)."""
    columns: Columns = DATACOMP
    """Names of the columns in `metadata`. Of LAION: `{uid: null, url: URL, caption: TEXT}`."""
    dr: OneOrMany = []
    """DataComp-DR tars (paths or globs), for the synthetic captions; alone, their own URLs are used. Where both are
    given, a uid must be in both. Embeddings in the tars are never opened."""
    out: Location
    """Directory of the result: a path, s3://, gs:// or hdfs://."""
    rows_per_shard: int = Field(default=10_000, ge=1, le=100_000)
    """URLs in a tar, about: uids are spread by hash."""
    threads: int = Field(default=64, ge=1, le=1024)
    """Concurrent fetches of a task."""
    timeout: float = Field(default=10.0, gt=0)
    """Seconds that one wait may take: to connect, or for the next bytes."""
    total_timeout: float = Field(default=60.0, gt=0)
    """Seconds that one attempt may take, redirects and body included."""
    max_redirects: int = Field(default=5, ge=0, le=20)
    """Hops of one fetch; each is judged as the first."""
    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts after a failure that may pass (time-out, reset, 5xx, 429)."""
    backoff: float = Field(default=1.0, ge=0)
    """Seconds before the first retry, doubled for each further one; a server's Retry-After may lengthen it."""
    max_wait: float = Field(default=30.0, ge=0)
    """Seconds; a host that asks for a longer wait is not asked again by this task."""
    rounds: int = Field(default=1, ge=1, le=99)
    """Passes over the URLs; each further one tries only failures that may pass (dns, connect, timeout, 429, 5xx, ...).
    Raise it and run again, next week, to add what has come back: what was fetched stays as it is."""
    host_connections: int | None = Field(default=8, ge=1)
    """Open to one host at once, by one task; null is no limit."""
    host_rate: float | None = Field(default=None, gt=0)
    """Requests a second to one host, by all tasks together; null is no limit."""
    host_failures: int | None = Field(default=24, ge=1)
    """Requests in a row without an answer (dns, connect, timeout) before a task gives a host up; its other URLs are
    left to a later round. null is never."""
    robots_txt: bool = False
    """Ask each host for its robots.txt first, and keep to it."""
    images: ImageLimits = ImageLimits()
    """What a body may be; its bytes are counted while they are read, its pixels known before it is decoded."""
    opt_out: list[str] = ["noai", "noimageai", "noindex", "noimageindex"]
    """X-Robots-Tag directives that are honoured."""
    agent: str = Field(default="switchpoint", pattern=r"^[A-Za-z0-9._-]+$")
    """Name in the User-Agent; X-Robots-Tag and robots.txt may address it."""
    on_hash_mismatch: Literal["keep", "reject"] = "keep"
    """What to do with an image whose sha256 is not the one that the metadata has. Sites encode their pictures anew, so
    another hash need not be another picture."""
    ports: list[Annotated[int, Field(ge=1, le=65535)]] = sorted(WEB)
    """Ports that are dialled; a list of URLs may name others to reach what is no web server."""
    allow_addresses: list[str] = []
    """Addresses or networks that are dialled, on any port, although they are not public; for tests and demonstrations
    only."""
    input_digest: Literal["full", "sampled"] = "full"
    """Whether the plan hashes inputs whole, or their size and sixteen blocks (for terabytes)."""

    @field_validator("allow_addresses")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f"{text!r} is no address or network; write 127.0.0.1 or 10.1.0.0/16") from None
        return value

    @model_validator(mode="after")
    def _has_input(self) -> Self:
        if not self.metadata and not self.dr:
            raise ValueError("nothing to download; give `metadata`, `dr` or both")
        if self.dr and self.metadata and self.columns.uid is None:
            raise ValueError("`columns.uid: null` does not go with `dr`: rows are joined on the uid; name its column")
        return self

    def policy(self, tasks_at_once: int = 1) -> FetchPolicy:
        """The limits of one task's fetcher, `tasks_at_once` of them sharing each host's rate."""
        return FetchPolicy(
            timeout=self.timeout,
            total_timeout=self.total_timeout,
            ports=frozenset(self.ports),
            max_redirects=self.max_redirects,
            retries=self.retries,
            backoff=self.backoff,
            max_wait=self.max_wait,
            opt_out=frozenset(directive.lower() for directive in self.opt_out),
            agent=self.agent,
            max_bytes=self.images.max_bytes,
            host_connections=self.host_connections,
            host_failures=self.host_failures,
            host_interval=tasks_at_once / self.host_rate if self.host_rate else 0.0,
            robots_txt=self.robots_txt,
        )

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide what is accepted and how it is stored."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=_NOT_IDENTITY)
        if frozenset(self.ports) == WEB:  # plans of before the setting lack it
            del dumped["ports"]
        if self.columns == DATACOMP:
            del dumped["columns"]
        return dumped
