"""Image encoders: pixels in, one feature vector for each image token out.

Every encoder takes uint8 pixels and normalises them itself, on its own device: a batch of bytes is a quarter of the
size of a batch of floats. `PatchEncoder` is the paper's "plain patch projection", optionally with transformer blocks
above it; `SiglipEncoder` is Hugging Face's vision tower, from a local directory or, for tests, with random weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from schemas.errors import InputError
from schemas.manifest import ImageGeometry
from schemas.strict import Strict


class EncoderConfig(Strict):
    """Which image encoder, and its shape."""

    kind: Literal["patch", "siglip"] = "patch"
    width: int = Field(default=128, gt=0)
    """Width of a feature vector; with `path` the saved tower's own width counts."""
    layers: int = Field(default=0, ge=0)
    """Transformer blocks above the patch projection (0: projection alone)."""
    heads: int = Field(default=4, gt=0)
    path: Path | None = None
    """Directory of a saved SigLIP (config.json and model.safetensors); None: random weights."""
    frozen: bool = False
    """Never train it, in any phase."""


def normalise(pixels_NCHW: Tensor) -> Tensor:
    """uint8 pixels to floats in [-1, 1]."""
    return pixels_NCHW.float() / 127.5 - 1.0


class PatchEncoder(nn.Module):
    """One linear layer for each patch, a learned position, then `layers` bidirectional transformer blocks."""

    def __init__(self, config: EncoderConfig, geometry: ImageGeometry) -> None:
        super().__init__()
        side = geometry.size // geometry.patch
        _expect_tokens(side * side, geometry)
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

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Features [N, patches, width] of uint8 pixels [N, 3, size, size]; patches in reading order."""
        images, channels, height, width = pixels_NCHW.shape
        rows, columns, p = height // self.patch, width // self.patch, self.patch
        cut = normalise(pixels_NCHW).view(images, channels, rows, p, columns, p)
        patches_NTE = cut.permute(0, 2, 4, 1, 3, 5).reshape(images, rows * columns, channels * p * p)
        x_NTW = self.project(patches_NTE) + self.position
        for block in self.blocks:
            x_NTW = block(x_NTW)
        return self.norm(x_NTW)


class SiglipEncoder(nn.Module):
    """SigLIP's vision tower without its pooling head and the norm before it: the last block's output.

    That is what Hugging Face's Llava reads (`vision_feature_layer=-1`), so an exported model is this one to the bit,
    and every block is trained.
    """

    def __init__(self, config: EncoderConfig, geometry: ImageGeometry) -> None:
        super().__init__()
        from transformers import SiglipVisionConfig, SiglipVisionModel  # seconds to import

        if config.path is not None:
            if not (config.path / "config.json").is_file():
                raise InputError("no SigLIP here", file=config.path, remedy="give a directory with config.json")
            self.tower = SiglipVisionModel.from_pretrained(
                str(config.path), local_files_only=True, use_safetensors=True, vision_use_head=False
            )
        else:
            shape = SiglipVisionConfig(
                hidden_size=config.width,
                intermediate_size=4 * config.width,
                num_hidden_layers=max(1, config.layers),
                num_attention_heads=config.heads,
                image_size=geometry.size,
                patch_size=geometry.patch,
                vision_use_head=False,
            )
            self.tower = SiglipVisionModel(shape)
        saved = self.tower.config
        if (saved.image_size, saved.patch_size) != (geometry.size, geometry.patch):
            raise InputError(
                f"the tower takes {saved.image_size} px images in {saved.patch_size} px patches, "
                f"the data was packed for {geometry.size} and {geometry.patch}",
                file=config.path,
                field="encoder.path",
                remedy="use the tower that the data was packed for",
            )
        _expect_tokens((saved.image_size // saved.patch_size) ** 2, geometry)
        self.width: int = saved.hidden_size
        self.tower.vision_model.post_layernorm = nn.Identity()

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Features [N, patches, width] of uint8 pixels [N, 3, size, size]."""
        return self.tower(pixel_values=normalise(pixels_NCHW)).last_hidden_state  # type: ignore[no-any-return]


Encoder = PatchEncoder | SiglipEncoder


def build_encoder(config: EncoderConfig, geometry: ImageGeometry) -> Encoder:
    """The encoder that `config` describes, checked against the geometry that the data was packed for.

    Raises:
        InputError: the encoder would yield another number of tokens than the data has placeholders for.
    """
    encoder = (PatchEncoder if config.kind == "patch" else SiglipEncoder)(config, geometry)
    if config.frozen:
        encoder.requires_grad_(False)
    return encoder


def _expect_tokens(tokens: int, geometry: ImageGeometry) -> None:
    if tokens != geometry.tokens:
        raise InputError(
            f"the encoder yields {tokens} tokens an image, the data has {geometry.tokens} placeholders",
            remedy="pack the data again with this geometry, or choose the encoder that it was packed for",
        )
