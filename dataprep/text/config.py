"""The text job's YAML."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from dataprep.tokenizer import END_OF_TEXT, PAD
from schemas.strict import Strict

DCLM_FIELDS = (
    "url string, language_id_whole_page_fasttext struct<en: double>, previous_word_count bigint, "
    "bff_contained_ngram_count_before_dedupe bigint, "
    "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob double, "
    "metadata struct<`Content-Type`: string, `WARC-Date`: string, `WARC-Target-URI`: string>"
)
"""DCLM-baseline's columns; declared, since inference breaks on its nulls."""
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
    where: str | None = None
    """Keep only documents for which this Spark SQL predicate over `fields` and `characters` is true."""
    fields: str = DCLM_FIELDS
    """Columns that `where` may use, as a Spark schema (`name type, ...`); `characters`, the text's length, is given."""
    deduplicate: bool = False
    """Keep only the first of documents with exactly the same text, over the whole input."""
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

    @property
    def selects(self) -> bool:
        """Whether documents are chosen before they are tokenized (`survey`, `select`)."""
        return self.where is not None or self.deduplicate

    @property
    def columns(self) -> set[str]:
        """Top-level columns that the job reads from Parquet."""
        named = {path.partition(".")[0] for path in (self.text_field, *self.provenance)}
        return named | set(top_level(self.fields)) if self.where else named

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide the output's bytes."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=_NO_EFFECT_ON_BYTES | {"tokenizer", "seed"})
        return dumped


def top_level(schema: str) -> list[str]:
    """Names of a Spark schema's columns, without asking Spark: the first word of each, or what is in backticks."""
    names, depth, start = [], 0, 0
    for at, char in enumerate(schema + ","):
        depth += (char in "<(") - (char in ">)")
        if char == "," and depth == 0:
            if named := re.match(r"\s*(?:`([^`]*)`|([^\s:]+))", schema[start:at]):
                names.append(named[1] or named[2])
            start = at + 1
    return names
