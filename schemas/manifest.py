"""Defines `manifest.json`: what an MDS dataset holds, where it came from, and proof that nothing was lost.

Streaming's own `index.json` says how to read the shards; the manifest beside it says what they mean. It is written
last, from task receipts, so its presence is the commit: a directory without one is not a dataset.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from common.errors import InputError
from schemas.conversation_format import VERSION_1, ConversationFormat
from schemas.schema_version import refuse_later
from schemas.strict_model import Strict

MANIFEST_NAME = "manifest.json"
JOURNAL_NAME = ".switchpoint/redo.json"
"""Below a dataset's root while files of it are being replaced (`dataprep.engine.journal`); readers wait until it is
gone."""

MAX_PIXELS = 64_000_000
"""Pixels that an image may have at most: data jobs take no larger one, and the trainer decodes none."""


class TokenizerIdentity(Strict):
    """Which tokenizer made the ids. Sources that disagree on it cannot be mixed."""

    digest: str
    """sha256 of `tokenizer.json`'s bytes."""
    vocabulary_size: int = Field(gt=0)
    """Ids of the tokenizer are below this."""
    end_of_text_id: int = Field(ge=0)
    pad_id: int = Field(ge=0)
    image_id: int = Field(ge=0)
    """Placeholder id for one image token: the first id after the vocabulary, so no text can ever produce it."""

    @property
    def embedding_rows(self) -> int:
        """Rows of a model's embedding: every id has one, rounded up to 64, which tensor cores and AVX alike want."""
        return -(-(self.image_id + 1) // 64) * 64


Fit = Literal["stretch", "pad"]
STRETCH: Fit = "stretch"
PAD: Fit = "pad"


def without_default(geometry: dict[str, Any]) -> dict[str, Any]:
    """A geometry's fields without `fit` where it is the default."""
    return {key: value for key, value in geometry.items() if (key, value) != ("fit", STRETCH)}


class ImageGeometry(Strict):
    """How an encoder cuts an image into tokens; fixed for a dataset because placeholders are packed."""

    size: int = Field(gt=0)
    """Side of the square that the encoder sees, in pixels."""
    patch: int = Field(gt=0)
    """Side of one patch, in pixels."""
    tokens: int = Field(gt=0)
    """Placeholder ids for an image in the token sequence."""
    fit: Fit = STRETCH
    """How a picture becomes the square: stretched, or padded to a square first (as LLaVA-1.5 does)."""

    @model_serializer(mode="wrap")
    def _without_default(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out the default, so that what was written before there was a choice keeps its bytes and hashes."""
        return without_default(serialise(self))


class TokenCounts(Strict):
    """Tokens of a dataset by kind; the kinds are disjoint and sum to samples x seq_len."""

    text: int = Field(default=0, ge=0)
    """Ids of documents, questions and answers, end-of-text ids included."""
    visual: int = Field(default=0, ge=0)
    """Image placeholders."""
    caption: int = Field(default=0, ge=0)
    """Ids of captions, end-of-text ids included."""
    pad: int = Field(default=0, ge=0)

    @property
    def total(self) -> int:
        """All positions, padding included."""
        return self.text + self.visual + self.caption + self.pad


class Rows(Strict):
    """Every input row ends in exactly one place."""

    read: int = Field(ge=0)
    written: int = Field(ge=0)
    rejected: dict[str, int] = {}
    """Rows by reason code."""

    @model_validator(mode="after")
    def _accounted(self) -> Self:
        if (lost := self.read - self.written - sum(self.rejected.values())) != 0:
            raise ValueError(f"{lost} input rows are unaccounted for; the dataset must not be used")
        return self


class InputFile(Strict):
    """One input of the plan, as it was when the dataset was made."""

    path: str
    bytes: int = Field(ge=0)
    digest: str


class ShardReceipt(Strict):
    """One published shard file; `index.json` is assembled from these alone."""

    name: str
    """Path below the dataset's root."""
    samples: int = Field(gt=0)
    bytes: int = Field(gt=0)
    digest: str
    """xxh3-64 of the file as stored, hex."""


class Removal(Strict):
    """A takedown: rows that were replaced by padding after the dataset was published."""

    revision: int = Field(gt=0)
    """Of the dataset: as published it has none, and each takedown adds one."""
    date: str
    """ISO."""
    note: str = ""
    asked: dict[Literal["uid", "url", "host"], int]
    """How many of each were named."""
    record: str
    """File below the dataset's root with what was named and which rows left."""
    rows: int = Field(gt=0)
    images: int = Field(ge=0)
    tokens: int = Field(gt=0)
    """Positions that became padding."""
    shards: int = Field(gt=0)
    """Shards that were written again; the others keep their bytes."""
    content: str
    """`Manifest.content` as it was before the first removal."""


class Manifest(Strict):
    """The contract between `dataprep` and its readers (`curriculum`, `train`)."""

    version: Literal[1] = 1
    kind: Literal["text", "pairs", "conversations"]
    plan: str
    """Hash of inputs, config, tokenizer, seed, output version and packages: equal plans give byte-identical datasets
    (as published, before any of `removals`)."""
    seed: int
    seq_len: int = Field(gt=0)
    """Ids in a sample; every sample has exactly this many."""
    samples: int = Field(ge=0)
    tokens: TokenCounts
    images: int = Field(default=0, ge=0)
    tokenizer: TokenizerIdentity
    geometry: ImageGeometry | None = None
    """None for text: it fits any encoder."""
    conversation: ConversationFormat | None = None
    """How conversations are written; None for other kinds, and in datasets that were made before version 2."""
    rows: Rows
    inputs: list[InputFile]
    shards: list[ShardReceipt]
    licences: list[str] = []
    packages: dict[str, str] = {}
    """Versions of what made the bytes."""
    warnings: list[str] = []
    """What a user should know and no error told: a slower tokenizer that took over, settings without effect."""
    removals: list[Removal] = []
    """Takedowns in order. Samples keep their numbers, so schedules stay valid: `plan` names them as before."""

    @model_serializer(mode="wrap")
    def _without_absent_format(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves `conversation` out where there is none, so that manifests of other kinds keep their bytes."""
        return {name: value for name, value in serialise(self).items() if (name, value) != ("conversation", None)}

    @property
    def conversation_format(self) -> ConversationFormat | None:
        """How conversations are written; None for other kinds."""
        return (self.conversation or VERSION_1) if self.kind == "conversations" else None

    @property
    def content(self) -> str:
        """sha256 over what the shards hold, in order: equal contents are the same samples, wherever and by whichever
        plan they were made. A takedown leaves it as it was: samples keep their numbers, and schedules their meaning."""
        if self.removals:
            return self.removals[0].content
        state = hashlib.sha256(f"{self.kind} {self.seq_len} {self.tokenizer.digest}".encode())
        for shard in self.shards:
            state.update(f"\n{shard.samples} {shard.bytes} {shard.digest}".encode())
        return state.hexdigest()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.tokens.total != self.samples * self.seq_len:
            raise ValueError(
                f"tokens sum to {self.tokens.total:,}, samples x seq_len is {self.samples * self.seq_len:,}"
            )
        if (in_shards := sum(shard.samples for shard in self.shards)) != self.samples:
            raise ValueError(f"shards hold {in_shards:,} samples, the manifest says {self.samples:,}")
        if [one.revision for one in self.removals] != list(range(1, len(self.removals) + 1)):
            raise ValueError("removals are not numbered 1, 2, 3, ...; the manifest was edited")
        return self

    @classmethod
    def load(cls, dataset: str | Path) -> Manifest:
        """Read the manifest of the dataset directory `dataset`.

        Raises:
            InputError: there is none (the job did not finish), or it is damaged.
        """
        path = Path(dataset) / MANIFEST_NAME
        if not path.exists():
            raise InputError(
                "no manifest.json, so this is not a finished dataset",
                file=dataset,
                remedy="run (or re-run) the dataprep job that writes it",
            )
        return cls.load_file(path)

    @classmethod
    def load_file(cls, path: str | Path) -> Manifest:
        """Read a manifest that lies under another name, such as a copy of a remote dataset's.

        Raises:
            InputError: there is none, or it is damaged.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read the manifest ({error.strerror})", file=path) from None
        return cls.parse(data, path)

    @classmethod
    def parse(cls, data: bytes, path: str | Path) -> Manifest:
        """The manifest in `data`; `path` is where it came from, for messages.

        Raises:
            InputError: it is damaged, or of a later schema.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            refuse_later("manifest", data, path)
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or None
            raise InputError(
                f"damaged manifest: {first['msg']}", file=path, field=where, remedy="run the dataprep job again"
            ) from None
