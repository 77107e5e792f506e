"""Settings of the download job."""

from __future__ import annotations

import ipaddress
from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from dataprep.download.fetch import FetchPolicy
from dataprep.image import ImageLimits
from schemas.strict import Strict

_NO_EFFECT_ON_BYTES = {"out", "metadata", "dr", "threads", "input_digest"}


class DownloadJob(Strict):
    """`spark-submit dataprep/jobs/download.py JOB.yaml`: the images behind DataComp's URLs, as webdataset tars."""

    metadata: list[str] = []
    """DataComp Parquet files (paths or globs): uid, url, text, sha256 and scores."""
    dr: list[str] = []
    """DataComp-DR tars (paths or globs), for the synthetic captions; alone, their own URLs are used. Where both are
    given, a uid must be in both. Embeddings in the tars are never opened."""
    out: str
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
    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts after a failure that may pass (time-out, reset, 5xx, 429)."""
    backoff: float = Field(default=1.0, ge=0)
    """Seconds before the first retry, doubled for each further one; a server's Retry-After may lengthen it."""
    max_wait: float = Field(default=30.0, ge=0)
    """Seconds; a server that asks to wait longer is not asked again in this run."""
    images: ImageLimits = ImageLimits()
    """What a body may be; its bytes are counted while they are read."""
    opt_out: list[str] = ["noai", "noimageai", "noindex", "noimageindex"]
    """X-Robots-Tag directives that are honoured."""
    agent: str = Field(default="switchpoint", pattern=r"^[A-Za-z0-9._-]+$")
    """Name in the User-Agent."""
    on_hash_mismatch: Literal["keep", "reject"] = "keep"
    """What to do with an image whose sha256 is not the one that the metadata has. Sites re-encode: about as many
    pictures have changed harmlessly as not."""
    allow_addresses: list[str] = []
    """Addresses or networks that are dialled although they are not public; for tests and demonstrations only."""
    input_digest: Literal["full", "sampled"] = "full"
    """Whether the plan hashes inputs whole, or their size and sixteen blocks (for terabytes)."""

    @field_validator("metadata", "dr", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

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
        return self

    def policy(self) -> FetchPolicy:
        """The fetcher's limits."""
        return FetchPolicy(
            timeout=self.timeout,
            total_timeout=self.total_timeout,
            max_redirects=self.max_redirects,
            retries=self.retries,
            backoff=self.backoff,
            max_wait=self.max_wait,
            opt_out=frozenset(directive.lower() for directive in self.opt_out),
            agent=self.agent,
            image=self.images,
        )

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide the output's bytes, as far as the servers' answers allow."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=_NO_EFFECT_ON_BYTES)
        return dumped
