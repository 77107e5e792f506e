"""Defines image encoders: pixels in, one feature vector for each image token out.

Every encoder takes uint8 pixels and normalises them itself, on its own device: a batch of bytes is a quarter of the
size of a batch of floats. `PatchEncoder` is the paper's "plain patch projection", optionally with transformer blocks
above it; `train.models.towers` has the pre-trained ones.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from schemas.manifest import ImageGeometry
from train.config.encoder_config import EncoderConfig
from train.models.towers import Shapes, SiglipDinoEncoder, SiglipEncoder, expect_tokens, normalise


class PatchEncoder(nn.Module):
    """One linear layer for each patch, a learned position, then `layers` bidirectional transformer blocks."""

    def __init__(self, config: EncoderConfig, geometry: ImageGeometry, shapes: Shapes | None = None) -> None:
        super().__init__()
        side = geometry.size // geometry.patch
        expect_tokens(side * side, geometry)
        self.patch, self.width = geometry.patch, config.width
        self.project = nn.Linear(3 * geometry.patch**2, config.width)
        self.position = nn.Parameter(torch.randn(side * side, config.width) * 0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width, config.heads, 4 * config.width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        """No tower: the run's config says all."""
        return {}

    def layers(self) -> list[nn.Module]:
        """Returns the transformer blocks."""
        return list(self.blocks)

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Features [N, patches, width] of uint8 pixels [N, 3, size, size]; patches in reading order.

        Pixels that do not fill a patch, at the right and the bottom, are left out, as a convolution would.
        """
        images, channels, height, width = pixels_NCHW.shape
        rows, columns, p = height // self.patch, width // self.patch, self.patch
        scaled = normalise(pixels_NCHW[:, :, : rows * p, : columns * p])
        cut = scaled.reshape(images, channels, rows, p, columns, p)
        patches_NTE = cut.permute(0, 2, 4, 1, 3, 5).reshape(images, rows * columns, channels * p * p)
        x_NTW = self.project(patches_NTE) + self.position
        for block in self.blocks:
            x_NTW = block(x_NTW)
        return self.norm(x_NTW)


Encoder = PatchEncoder | SiglipEncoder | SiglipDinoEncoder
KINDS: dict[str, type[Encoder]] = {"patch": PatchEncoder, "siglip": SiglipEncoder, "siglip_dino": SiglipDinoEncoder}


def build_encoder(config: EncoderConfig, geometry: ImageGeometry, shapes: Shapes | None = None) -> Encoder:
    """The encoder that `config` describes, checked against the geometry that the data was packed for.

    With `shapes`, a checkpoint's, towers have those shapes and random weights, and nothing is read from their paths.

    Raises:
        InputError: nothing can be loaded, or it would yield more or fewer tokens than the data has placeholders for.
    """
    encoder = KINDS[config.kind](config, geometry, shapes)
    if config.frozen:
        encoder.requires_grad_(False)
    return encoder
