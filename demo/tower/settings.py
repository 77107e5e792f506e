"""Defines the tower's recipe: which pairs, which shape, how long and how fast it is taught."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from schemas.strict_model import Strict


class Settings(Strict):
    """The content of `tower.yaml`. Equal settings on equal pairs give the same weights on one machine."""

    inputs: str
    """Glob of the tars that the download job wrote."""
    tokenizer: Path
    """tokenizer.json, or its folder; its `<|padding|>` fills captions up."""
    out: Path
    """Folder of the finished tower, as `encoder: {kind: siglip, path: OUT}` reads it."""
    size: int = Field(default=32, gt=0)
    """Side of a picture, in pixels."""
    patch: int = Field(default=8, gt=0)
    width: int = Field(default=128, gt=0, multiple_of=32)
    layers: int = Field(default=2, gt=0)
    steps: int = Field(default=500, gt=0)
    pairs_a_step: int = Field(default=128, gt=1)
    rate: float = Field(default=1.5e-3, gt=0)
    """Highest learning rate: reached after a tenth of the steps, then down to zero by a cosine."""
    weight_decay: float = Field(default=0.05, ge=0)
    seed: int = 7
    threads: int = Field(default=2, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.size % self.patch:
            raise ValueError(f"a side of {self.size} pixels is not a multiple of patches of {self.patch}")
        return self

    def identity(self, pairs: str) -> str:
        """Digest of all that the weights follow from, given the digest of the pairs."""
        said = self.model_dump(mode="json", exclude={"inputs", "tokenizer", "out"})
        return hashlib.sha256(json.dumps([said, pairs], sort_keys=True).encode()).hexdigest()
