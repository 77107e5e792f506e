"""Defines decoder shapes: the paper's five sizes and a demo that learns on two CPU cores.

The paper's models follow OpenLM's public configurations (154M, of heads 72 wide, by open_lm_154m_v2): untied
embeddings, head width 128, and a SwiGLU whose width is 8/3 of the model's, rounded up to a multiple of 256. The
vocabulary is not part of a size: it comes from the data's tokenizer.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from common.errors import InputError
from train.config.finite import Finite

Family = Literal["llama", "qwen3"]


class DecoderConfig(Finite):
    """Shape of a decoder; together with a vocabulary size it determines every tensor."""

    family: Family = "qwen3"
    """Hugging Face architecture that the modules map onto: `qwen3` normalises queries and keys per head."""
    width: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    """Key/value heads; fewer than `heads` is grouped-query attention."""
    head_width: int = Field(gt=0)
    mlp_width: int = Field(gt=0)
    rope_theta: float = Field(default=10_000.0, gt=0)
    norm_eps: float = Field(default=1e-5, gt=0)
    tied: bool = False
    """Whether input and output embeddings are one matrix."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) is not a multiple of kv_heads ({self.kv_heads}); choose a divisor")
        if self.head_width % 2:
            raise ValueError(f"head_width ({self.head_width}) must be even for rotary positions; add 1")
        return self

    def parameters(self, vocabulary_size: int) -> int:
        """Number of parameters with `vocabulary_size` embedding rows."""
        attention = self.width * self.head_width * (2 * self.heads + 2 * self.kv_heads)
        norms = 2 * self.width + (2 * self.head_width if self.family == "qwen3" else 0)
        block = attention + 3 * self.width * self.mlp_width + norms
        return self.layers * block + self.width + vocabulary_size * self.width * (1 if self.tied else 2)


def _openlm(width: int, layers: int, heads: int) -> DecoderConfig:
    return DecoderConfig(
        width=width,
        layers=layers,
        heads=heads,
        kv_heads=heads,
        head_width=width // heads,
        mlp_width=256 * -(-(8 * width // 3) // 256),
    )


SIZES: dict[str, DecoderConfig] = {
    "demo": DecoderConfig(width=128, layers=4, heads=4, kv_heads=4, head_width=32, mlp_width=384, tied=True),
    "79M": _openlm(512, 8, 4),
    "154M": _openlm(576, 24, 8),
    "411M": _openlm(1024, 24, 8),
    "1.4B": _openlm(2048, 24, 16),
    "7B": _openlm(4096, 32, 32),
}


def decoder_of(size: str) -> DecoderConfig:
    """The preset called `size`.

    Raises:
        InputError: there is no such preset.
    """
    try:
        return SIZES[size]
    except KeyError:
        raise InputError(f"no decoder size {size!r}", remedy=f"choose one of {', '.join(SIZES)}") from None
