"""Defines the encoder section of a run's config."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from train.config.finite import Finite


class EncoderConfig(Finite):
    """Which image encoder, and its shape where nothing was saved that tells it."""

    kind: Literal["patch", "siglip", "siglip_dino"] = "patch"
    """`patch`: a plain patch projection. `siglip`: SigLIP's tower. `siglip_dino`: SigLIP and DINOv2 side by side."""
    width: int = Field(default=128, gt=0)
    """Width of a feature vector (of each tower, for `siglip_dino`); with `path` the saved tower's own width counts."""
    layers: int = Field(default=0, ge=0)
    """Transformer blocks above the patch projection (0: projection alone)."""
    heads: int = Field(default=4, gt=0)
    path: str | None = None
    """A saved SigLIP: a directory with config.json and model.safetensors, or a hub name (`owner/name`, or
    `owner/name@revision` for one that cannot change). None: random weights."""
    dino_path: str | None = None
    """The same for DINOv2, with or without registers."""
    frozen: bool = False
    """Never train it, in any phase. (A phase's own `freeze` is the curriculum's.)"""

    @model_validator(mode="after")
    def _used(self) -> Self:
        if self.kind == "patch" and self.path is not None:
            raise ValueError("a patch encoder is not loaded from a `path`; choose siglip or siglip_dino")
        if self.kind != "siglip_dino" and self.dino_path is not None:
            raise ValueError("`dino_path` is only used by kind siglip_dino")
        if self.kind == "siglip_dino" and (self.path is None) != (self.dino_path is None):
            raise ValueError("give both `path` and `dino_path`, or neither for random weights")
        return self

    @property
    def identity(self) -> dict[str, object]:
        """Returns the settings that two runs must share to go on with each other's image weights: all but whether they
        are trained.
        """
        return self.model_dump(exclude={"frozen"})
