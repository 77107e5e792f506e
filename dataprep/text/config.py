"""Defines the settings of the text job."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from common.quantities import Bytes, Share
from dataprep.storage.location import Location
from dataprep.tokens.tokenizer import END_OF_TEXT, PAD
from schemas.strict_model import OneOrMany, Strict

DCLM_FIELDS = (
    "url string, language_id_whole_page_fasttext struct<en: double>, previous_word_count bigint, "
    "bff_contained_ngram_count_before_dedupe bigint, "
    "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob double, "
    "metadata struct<`Content-Type`: string, `WARC-Date`: string, `WARC-Target-URI`: string>"
)
"""DCLM-baseline's columns; declared, since inference breaks on its nulls."""
_NO_EFFECT_ON_BYTES = {"inputs", "input_list", "out", "input_digest"}


class NearDuplicates(Strict):
    """How alike two documents must be for one to stand for both (see `dataprep.text.selection.minhash`)."""

    ngram: int = Field(default=5, ge=1, le=100)
    """Words in an n-gram; documents are compared by the n-grams that they share."""
    bands: int = Field(default=14, ge=1, le=256)
    """Bands of the MinHash signature: more bands find less alike documents."""
    rows: int = Field(default=8, ge=1, le=64)
    """Functions in a band: more rows ask for more alike documents."""

    @property
    def threshold(self) -> float:
        """Estimates the similarity (Jaccard, of n-grams) from which a pair is more likely found than not."""
        return float((1 / self.bands) ** (1 / self.rows))


class EvaluationSet(Strict):
    """Questions that must not be in the training data."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Stands in the reason of documents that are left out for it (`contaminated:NAME`)."""
    files: OneOrMany = Field(min_length=1)
    """JSON lines (also .gz, .zst) or Parquet: paths, directories or globs."""
    fields: OneOrMany = Field(min_length=1)
    """Texts of an item; dots lead into objects. Each is searched for by itself; a list of strings is one text each."""


class Decontamination(Strict):
    """Leave out documents that share a run of words with an evaluation set."""

    sets: list[EvaluationSet] = Field(min_length=1)
    ngram: int = Field(default=13, ge=1, le=100)
    """Words in a run; shorter texts of an item cannot be searched for (they are counted in a warning)."""

    @field_validator("sets")
    @classmethod
    def _named_once(cls, sets: list[EvaluationSet]) -> list[EvaluationSet]:
        if len({one.name for one in sets}) != len(sets):
            raise ValueError("two sets have the same name; name each once")
        return sets


class TextJob(Strict):
    """Turns documents into windows of tokens: `spark-submit dataprep/jobs/text.py JOB.yaml`."""

    inputs: OneOrMany = []
    """Files, directories or globs (`**` spans directories); local paths, s3://, gs://, hdfs://."""
    input_list: Location | None = None
    """A text file that names inputs, one a line, as in `inputs` (`#` begins a comment line); may add to `inputs`."""
    out: Location
    """Directory of the dataset; new, or left by an interrupted run of the same job."""
    tokenizer: Location
    """A `tokenizer.json`, or a directory with one."""
    end_of_text: str | int = END_OF_TEXT
    """Special token that ends each document, by its text or id."""
    pad: str | int = PAD
    """Special token that fills the dataset's last window, by its text or id."""
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
    near_duplicates: NearDuplicates | None = None
    """Keep only the first of documents that are nearly the same (`true`, or its settings), over the whole input."""
    decontaminate: Decontamination | None = None
    """Leave out documents that share a run of words with evaluation sets."""
    shuffle: bool = True
    """Permute windows over the whole dataset; false keeps the order of the inputs."""
    held_out: Share = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of documents that go to the dataset `OUT/held_out` instead; equal texts stay on one side."""
    shard_bytes: Bytes = Field(default=1 << 26, ge=1 << 10, lt=1 << 32)
    """Upper bound of a shard's samples before compression, in bytes."""
    compression: str | None = Field(default=None, pattern=r"^zstd(:([1-9]|1[0-9]|2[0-2]))?$")
    """None, `zstd` or `zstd:LEVEL`."""
    unreadable: Literal["fail", "reject"] = "fail"
    """A damaged or truncated file: fail the job, or keep what can be read and reject the rest."""
    max_line_bytes: Bytes = Field(default=64 << 20, ge=1 << 10)
    """Longer lines are rejected unread: they bound a task's memory."""
    input_digest: Literal["full", "sampled"] = "full"
    """Whether the plan hashes inputs whole, or their size and sixteen blocks (for terabytes)."""
    licences: list[str] = []
    """Licences of the inputs, for the manifest."""

    @field_validator("near_duplicates", mode="before")
    @classmethod
    def _on_or_off(cls, value: object) -> object:
        return ({} if value else None) if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _some_input(self) -> Self:
        if not self.inputs and self.input_list is None:
            raise ValueError("no inputs; name files or globs in `inputs`, or a list of them in `input_list`")
        return self

    @model_validator(mode="after")
    def _a_sample_fits_a_shard(self) -> Self:
        if self.shard_bytes < self.seq_len * 4:
            raise ValueError(f"shard_bytes is less than one sample; use at least {self.seq_len * 4}")
        return self

    @property
    def selects(self) -> bool:
        """Whether documents are chosen before they are tokenized (`survey`, `select`)."""
        return bool(self.where is not None or self.deduplicate or self.near_duplicates or self.decontaminate)

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
