"""Defines the model section of a run's config: which decoder, which encoder, and what the loss adds."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from train.config.decoder_config import SIZES, DecoderConfig, decoder_of
from train.config.encoder_config import EncoderConfig
from train.config.finite import Finite


class ModelConfig(Finite):
    """Which model; its vocabulary and image geometry come with the data."""

    size: str | None = None
    """A preset: demo, 79M, 154M, 411M, 1.4B or 7B."""
    decoder: DecoderConfig | None = None
    """Any other shape, instead of `size`."""
    encoder: EncoderConfig = EncoderConfig()
    """Image encoder; it idles until the schedule brings images."""
    z_loss: float = Field(default=1e-4, ge=0)
    """Weight of the squared log-partition in the loss."""
    mask_documents: bool = True
    """Whether packed documents are hidden from each other."""
    end_of_text: Literal["opens", "closes"] | None = None
    """Which document an end-of-text belongs to: the one that it opens, or the one that it closes (as in runs of 0.1.0).
    None: as the checkpoint has it that the run goes on from; in a new run, `opens`."""

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if (self.size is None) == (self.decoder is None):
            raise ValueError("give exactly one of `size` and `decoder`")
        if self.size is not None and self.size not in SIZES:
            raise ValueError(f"no decoder size {self.size!r}; choose one of {', '.join(SIZES)}")
        return self

    @property
    def shape(self) -> DecoderConfig:
        """The decoder's shape, whichever way it was given."""
        return self.decoder if self.decoder is not None else decoder_of(str(self.size))
