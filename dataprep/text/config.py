"""The text job's YAML."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from dataprep.tokenizer import END_OF_TEXT, PAD
from schemas.strict import Strict

_NO_EFFECT_ON_BYTES = {"inputs", "out", "input_digest"}


class TextJob(Strict):
    """What `dataprep/jobs/text.py` reads."""

    inputs: list[str] = Field(min_length=1)
    """Files, directories or globs (`**` spans directories); local paths, s3://, gs://, hdfs://."""
    out: str
    """Directory of the dataset; new, or left by an interrupted run of the same job."""
    tokenizer: str
    """A `tokenizer.json`, or a directory with one."""
    end_of_text: str = END_OF_TEXT
    """Special token that ends each document, by its text."""
    pad: str = PAD
    """Special token that fills the dataset's last window, by its text."""
    seq_len: int = Field(default=2048, ge=1, le=1 << 20)
    """Ids in a sample."""
    seed: int = 0
    """Names the shuffle of windows and the choice of held-out documents."""
    text_field: str = "text"
    """Where a document's text is; dots lead into objects (`content.text`)."""
    provenance: list[str] = ["url", "metadata.WARC-Record-ID"]
    """Fields that the provenance sidecar keeps for each document, where they are strings."""
    shuffle: bool = True
    """Permute windows over the whole dataset; false keeps the order of the inputs."""
    held_out: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of documents that go to the dataset `OUT/held_out` instead; equal texts stay on one side."""
    shard_bytes: int = Field(default=1 << 26, ge=1 << 10, lt=1 << 32)
    """Upper bound of a shard's samples before compression, in bytes."""
    compression: str | None = Field(default=None, pattern=r"^zstd(:([1-9]|1[0-9]|2[0-2]))?$")
    """None, `zstd` or `zstd:LEVEL`."""
    unreadable: Literal["fail", "reject"] = "fail"
    """A damaged or truncated file: fail the job, or keep what can be read and reject the rest."""
    max_line_bytes: int = Field(default=64 << 20, ge=1 << 10)
    """Longer lines are rejected unread: they bound a task's memory."""
    input_digest: Literal["full", "sampled"] = "full"
    """Whether the plan hashes inputs whole, or their size and sixteen blocks (for terabytes)."""
    licences: list[str] = []
    """Licences of the inputs, for the manifest."""

    @field_validator("inputs", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _a_sample_fits_a_shard(self) -> Self:
        if self.shard_bytes < self.seq_len * 4:
            raise ValueError(f"shard_bytes is less than one sample; use at least {self.seq_len * 4}")
        return self

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide the output's bytes."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=_NO_EFFECT_ON_BYTES | {"tokenizer", "seed"})
        return dumped
