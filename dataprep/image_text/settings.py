"""Defines the settings that the pairs and conversations jobs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, ValidationInfo, field_validator, model_serializer

from common.quantities import Bytes, Share
from dataprep.engine.paths import HELD_OUT
from dataprep.image_text.banned import Ban
from dataprep.image_text.packing import DEFAULT_BUFFER
from dataprep.image_text.write_windows import WindowSpec
from dataprep.images.inspect import ImageLimits
from dataprep.storage.location import Location
from dataprep.tokens import encoder
from dataprep.tokens import tokenizer as tokenizers
from dataprep.tokens.tokenizer import TokenizerSpec
from schemas.conversation_format import ConversationFormat
from schemas.manifest import STRETCH, Fit, ImageGeometry, without_default
from schemas.strict_model import Strict

_CHECKED = 64
"""Texts of a task on which gigatoken is compared with tokenizers, about."""


class Geometry(Strict):
    """How the image encoder cuts a picture into tokens."""

    size: int = Field(gt=0)
    """Side of the square that the encoder sees, in pixels."""
    patch: int = Field(gt=0)
    """Side of a patch, in pixels."""
    tokens: int | None = Field(default=None, gt=0)
    """Placeholders for an image; by default (size // patch)^2, as for SigLIP (384/14: 729, 224/16: 196)."""
    fit: Fit = STRETCH
    """`stretch` pictures to the square, or `pad` them to a square first, as LLaVA-1.5 does. Images are stored as they
    are; the trainer, `evaluate` and exports all follow this choice."""

    @field_validator("patch")
    @classmethod
    def _no_larger_than_the_picture(cls, patch: int, info: ValidationInfo) -> int:
        if patch > (size := info.data.get("size", patch)):
            raise ValueError(f"a patch of {patch} pixels is larger than the picture ({size}); take a smaller one")
        return patch

    @model_serializer(mode="wrap")
    def _without_default(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out the default fit, so that plans made before there was a choice keep their hash."""
        return without_default(serialise(self))

    def resolved(self) -> ImageGeometry:
        """Returns a copy with `tokens` filled in."""
        tokens = self.tokens or (self.size // self.patch) ** 2
        return ImageGeometry(size=self.size, patch=self.patch, tokens=tokens, fit=self.fit)


class MultimodalJob(Strict):
    """Settings that pairs and conversations share."""

    out: Location
    """Directory of the dataset: a path, s3://, gs:// or hdfs://."""
    tokenizer: Location
    """`tokenizer.json`, or a directory that holds it."""
    end_of_text: str = tokenizers.END_OF_TEXT
    """Special token that ends a pair or conversation."""
    pad: str = tokenizers.PAD
    """Special token that fills windows up."""
    seq_len: int = Field(default=2048, ge=1, le=1 << 20)
    """Ids in a window."""
    seed: int = Field(default=0, ge=-(1 << 63), lt=1 << 63)
    geometry: Geometry
    images: ImageLimits = ImageLimits()
    held_out: Share = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of rows that go to the dataset `OUT/held_out` instead; rows with an equal picture stay on one side."""
    decode: bool = True
    """Decode every image once, to know that it can be. Without it only header and completeness are checked, at
    four times the speed: for images that a job of ours has downloaded and a first run has judged."""
    buffer: int = Field(default=DEFAULT_BUFFER, gt=0, le=1 << 16)
    """Items held back by the packer to choose from; more of them pad less, up to about a thousand."""
    shard_bytes: Bytes = Field(default=1 << 26, ge=1 << 10, lt=1 << 32)
    """Raw bytes at which a new shard starts."""
    compression: str | None = Field(default=None, pattern=r"^zstd(:([1-9]|1[0-9]|2[0-2]))?$")
    """`zstd` or `zstd:LEVEL`. Encoded images hardly shrink, so the default is none."""
    input_digest: Literal["full", "sampled"] = "full"
    """Whether the plan hashes inputs whole, or their size and sixteen blocks (for terabytes)."""
    licences: list[str] = []
    """Licences of the inputs, for the manifest."""

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide the output's bytes."""
        no_effect = {"out", "tokenizer", "seed", "inputs", "input_digest"}
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=no_effect)
        if not self.held_out:  # plans made before there was a choice keep their hash
            del dumped["held_out"]
        return dumped


@dataclass(frozen=True)
class TaskSpec:
    """Holds what every task of a run needs, shipped with the function."""

    job: Any
    """The job's own settings."""
    tokenizer: TokenizerSpec
    windows: WindowSpec
    image_tokens: int
    """Placeholders for an image."""
    conversation: ConversationFormat | None = None
    """How conversations are written; None for pairs."""
    ban: Ban = field(default_factory=Ban)
    """Rows that must not get in."""
    ties: Mapping[int, int] = field(default_factory=dict)
    """For `held_out`: the key of each picture that a row shows beside others (`held_out.tied`)."""


def encode_all(spec: TaskSpec, texts: Sequence[str]) -> tuple[list[npt.NDArray[Any]], list[str]]:
    """Ids of every text, of the dataset's token type, and warnings for the manifest.

    Encodes with gigatoken where it agrees with tokenizers on a sample of `texts`.
    """
    if not texts:
        return [], []
    encode, problem = encoder.encoder(spec.tokenizer).choose(texts[:: max(1, len(texts) // _CHECKED)])
    flat, lengths = encode(texts)
    return np.split(flat.astype(spec.windows.dtype), np.cumsum(lengths)[:-1]), [problem] if problem else []


def held_out_line(job: MultimodalJob) -> str:
    """A line for a dry run, where rows are held out."""
    return f"\nheld out: {job.held_out:.2%} of rows -> {job.out}/{HELD_OUT}" if job.held_out else ""


def task_spec(job: MultimodalJob, *, masked: bool) -> TaskSpec:
    """Load the tokenizer and fix the windows' layout. Raises InputError for an unusable tokenizer."""
    spec = tokenizers.load(job.tokenizer, end_of_text=job.end_of_text, pad=job.pad)
    windows = WindowSpec(job.seq_len, spec.identity, spec.dtype, masked, job.shard_bytes, job.buffer, job.compression)
    return TaskSpec(job, spec, windows, job.geometry.resolved().tokens)
