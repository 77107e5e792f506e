"""Applies rotary positions in Hugging Face's half-split layout, so that weights move between the two without
permutation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RotaryPositions(nn.Module):
    """Cosines and sines for positions; computed in fp32 once per forward pass and shared by all layers."""

    inverse_frequencies: Tensor

    def __init__(self, head_width: int, theta: float) -> None:
        super().__init__()
        exponents = torch.arange(0, head_width, 2, dtype=torch.int64).float() / head_width
        self.register_buffer("inverse_frequencies", 1.0 / theta**exponents, persistent=False)

    def forward(self, positions_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine, each [B, 1, L, head_width] in fp32."""
        angles_BLF = positions_BL[..., None].float() * self.inverse_frequencies
        angles_BLH = torch.cat((angles_BLF, angles_BLF), dim=-1)
        return angles_BLH.cos()[:, None], angles_BLH.sin()[:, None]


def rotate(x_BNLH: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate heads [B, heads, L, head_width] by their positions."""
    first, second = x_BNLH.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x_BNLH * cosine + turned * sine).to(x_BNLH.dtype)
