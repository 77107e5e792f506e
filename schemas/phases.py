"""Defines the sources and phases of a schedule."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.manifest import TokenCounts
from schemas.order.mixing import SHARE_UNIT
from schemas.order.ramp import Shape
from schemas.strict_model import Strict

MOST_SHARDS = 100_000_000
"""Shards of a source: their sizes are an array in memory (a dataset of 6 PB has that many of 64 MB)."""
MOST_SAMPLES = 1 << 53
"""Samples of a run, a source or a shard: exact in every number format that they pass through."""


def _one_line(text: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("control characters are no part of a name or a path")
    return text


Plain = Annotated[str, AfterValidator(_one_line)]
Count = Annotated[int, Field(gt=0, le=MOST_SAMPLES)]


class Source(Strict):
    """One MDS dataset that the run draws from."""

    name: Plain = Field(min_length=1, max_length=128)
    path: Plain
    """Directory or URL of the dataset; not part of any hash, data may move."""
    content: str
    """`Manifest.content`: names the samples by what they hold, so equal data at another place, or prepared from inputs
    under other paths, gives the same run."""
    kind: Literal["text", "pairs", "conversations"]
    samples: Count
    shards: list[tuple[Count, Count]]
    """Run lengths (samples in a shard, how many such shards follow each other), in the dataset's order."""
    tokens: TokenCounts
    """Of one pass."""

    @cached_property
    def identity(self) -> str:
        """Names the samples and their places in shards, wherever the dataset lies."""
        text = json.dumps([self.content, self.shards], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if (many := sum(times for _, times in self.shards)) > MOST_SHARDS:
            raise ValueError(f"{many:,} shards, at most {MOST_SHARDS:,} are known to work")
        if (total := sum(size * times for size, times in self.shards)) != self.samples:
            raise ValueError(f"shards hold {total:,} samples, the source says {self.samples:,}")
        return self


class Phase(Strict):
    """A stretch of the run, [start, stop) in samples, with one rule for mixing."""

    name: Plain = Field(min_length=1, max_length=128)
    start: int = Field(ge=0)
    stop: Count
    shares: list[int]
    """Share of samples by source, in billionths; sums to 1,000,000,000."""
    shares_to: list[int] | None = None
    """Shares at the end of a ramp."""
    ramp: Shape | None = None
    ramp_over: int | None = Field(default=None, gt=0)
    """Samples for which the ramp is drawn; None: the phase's length. A run may leave a ramp before its end."""
    freeze: list[str] = []
    """Parts of the model that are not trained here: `encoder`, `projector`, `decoder`."""
    reset_optimizer: bool = False
    """Whether optimizer moments are cleared at `start`."""
    evaluate_at: list[int] = []
    """Positions after which to evaluate: each the end of a step."""
    checkpoint_at: list[int] = []
    """Positions after which to save a checkpoint, besides the switch points: each the end of a step."""

    @model_validator(mode="after")
    def _is_a_mix(self) -> Self:
        if self.stop <= self.start:
            raise ValueError(f"phase '{self.name}' is empty: [{self.start:,}, {self.stop:,})")
        if (self.ramp is None) != (self.shares_to is None):
            raise ValueError(f"phase '{self.name}' needs `ramp` and `shares_to` together")
        if self.ramp_over is not None and (self.ramp is None or self.ramp_over < self.stop - self.start):
            raise ValueError(f"phase '{self.name}' is longer than its ramp")
        for shares in filter(None, (self.shares, self.shares_to)):
            if sum(shares) != SHARE_UNIT or min(shares) < 0:
                raise ValueError(f"shares of phase '{self.name}' are not non-negative billionths that sum to one")
        return self
