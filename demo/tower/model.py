"""Defines the two sides of the contrastive model, and the loss that pulls a picture and its captions together.

The image side is SigLIP's own tower with an attention pool above it; the text side is a small transformer whose states
are averaged. The loss (Zhai et al. 2023, arXiv 2303.15343) asks of every picture and every caption in the batch
whether they belong together, each by itself. Shapes: B pairs, P patches, L ids, W width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from demo.tower.settings import Settings

_HEAD_WIDTH = 32
_PLACES = 64
"""Longest caption, in ids."""
_STD = 0.03
_POSITION_STD = 0.9
"""Of the position table. At the 0.02 of large towers, patches would say what they see and hardly where they lie."""
FIRST_SCALE, FIRST_BIAS = 2.3, -5.0
"""Logarithm of the temperature's inverse, and the bias: with few true pairs among many, most answers are no."""


class ImageSide(nn.Module):
    """SigLIP's tower. A feature is what the last block puts out, as `train/models/towers.py` reads it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        from transformers import SiglipVisionConfig, SiglipVisionModel  # seconds to import

        shape = SiglipVisionConfig(
            hidden_size=settings.width,
            intermediate_size=4 * settings.width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.width // _HEAD_WIDTH,
            image_size=settings.size,
            patch_size=settings.patch,
            vision_use_head=False,
        )
        self.tower: Any
        self.tower = SiglipVisionModel(shape)
        self.tower.vision_model.post_layernorm = nn.Identity()
        for module in self.tower.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=_POSITION_STD)

    def forward(self, pixels_B3SS: Tensor) -> Tensor:
        """Features [B, P, W] of uint8 pixels."""
        scaled = pixels_B3SS.float() / 127.5 - 1.0
        return self.tower(pixel_values=scaled).last_hidden_state  # type: ignore[no-any-return]


class TextSide(nn.Module):
    """Two blocks over a caption's ids, averaged over what is no padding."""

    def __init__(self, vocabulary: int, pad_id: int, width: int) -> None:
        super().__init__()
        self.pad_id = pad_id
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(_PLACES, width) * 0.02)
        block = nn.TransformerEncoderLayer(
            width, width // _HEAD_WIDTH, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, 2, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, ids_BL: Tensor) -> Tensor:
        """One vector [B, W] a caption; what lies beyond the longest caption is left out."""
        ids_BL = ids_BL[:, :_PLACES]
        padding_BL = ids_BL == self.pad_id
        states = self.blocks(self.tokens(ids_BL) + self.places[: ids_BL.shape[1]], src_key_padding_mask=padding_BL)
        real = (~padding_BL).unsqueeze(-1).float()
        return (states * real).sum(1) / real.sum(1)  # type: ignore[no-any-return]


class Contrast(nn.Module):
    """Both sides, and how they are compared."""

    def __init__(self, settings: Settings, vocabulary: int, pad_id: int) -> None:
        super().__init__()
        width = settings.width
        self.images = ImageSide(settings)
        self.texts = TextSide(vocabulary, pad_id, width)
        self.query = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.pool = nn.MultiheadAttention(width, width // _HEAD_WIDTH, batch_first=True)
        self.from_image, self.from_text = nn.Linear(width, width), nn.Linear(width, width)
        self.scale, self.bias = nn.Parameter(torch.tensor(FIRST_SCALE)), nn.Parameter(torch.tensor(FIRST_BIAS))

    def forward(self, pixels_B3SS: Tensor, ids_BL: Tensor) -> Tensor:
        """Scores [B, B]: how well each picture (row) and each caption (column) fit together."""
        features = self.images(pixels_B3SS)
        pooled = self.pool(self.query.expand(len(features), -1, -1), features, features, need_weights=False)[0][:, 0]
        images_BW = functional.normalize(self.from_image(pooled), dim=-1)
        texts_BW = functional.normalize(self.from_text(self.texts(ids_BL)), dim=-1)
        return images_BW @ texts_BW.T * self.scale.exp() + self.bias


def pairwise_loss(scores_BB: Tensor) -> Tensor:
    """Cross-entropy of "do these two belong together?" over all picture-caption combinations, a picture."""
    signs = 2 * torch.eye(len(scores_BB)) - 1
    return -functional.logsigmoid(scores_BB * signs).sum(1).mean()
