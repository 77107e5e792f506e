"""Defines Switchpoint models whose image encoder transformers does not know: load with `trust_remote_code=True`.

This file lies in every such export as `modeling_switchpoint.py`. It is a Llava in all but its vision tower, so
generation, processors and chat templates are Llava's. It imports nothing but torch and transformers.
Shapes: N images, T patches, E values of a patch, W feature width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaModel,
    PretrainedConfig,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.modeling_utils import PreTrainedModel

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SwitchpointVisionConfig(PretrainedConfig):
    """Shape of a patch encoder: a linear layer for each patch, then `layers` transformer blocks."""

    model_type = "switchpoint_patch"

    def __init__(
        self,
        hidden_size: int = 128,
        layers: int = 0,
        heads: int = 4,
        image_size: int = 32,
        patch_size: int = 16,
        **kwargs: Any,
    ) -> None:
        self.hidden_size, self.layers, self.heads = hidden_size, layers, heads
        self.image_size, self.patch_size = image_size, patch_size
        super().__init__(**kwargs)


class SwitchpointVisionModel(PreTrainedModel):
    """Pixels in [-1, 1] to one feature vector a patch, in reading order."""

    config_class = SwitchpointVisionConfig
    main_input_name = "pixel_values"

    def __init__(self, config: SwitchpointVisionConfig) -> None:
        super().__init__(config)
        side, width = config.image_size // config.patch_size, config.hidden_size
        self.project = nn.Linear(3 * config.patch_size**2, width)
        self.position = nn.Parameter(torch.zeros(side * side, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, config.heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: weights come from the file."""

    def forward(self, pixel_values: torch.Tensor, **kwargs: Any) -> BaseModelOutput:
        images, channels, height, width = pixel_values.shape
        p = self.config.patch_size
        rows, columns = height // p, width // p
        cut = pixel_values.to(self.project.weight.dtype).view(images, channels, rows, p, columns, p)
        patches_NTE = cut.permute(0, 2, 4, 1, 3, 5).reshape(images, rows * columns, channels * p * p)
        x_NTW = self.project(patches_NTE) + self.position
        for block in self.blocks:
            x_NTW = block(x_NTW)
        x_NTW = self.norm(x_NTW)
        return BaseModelOutput(last_hidden_state=x_NTW, hidden_states=(x_NTW,))


class SwitchpointFusedConfig(PretrainedConfig):
    """SigLIP and DINOv2 on the same patches."""

    model_type = "switchpoint_fused"

    def __init__(
        self,
        hidden_size: int = 0,
        image_size: int = 224,
        patch_size: int = 16,
        siglip: dict[str, Any] | None = None,
        dino: dict[str, Any] | None = None,
        dino_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.hidden_size, self.image_size, self.patch_size = hidden_size, image_size, patch_size
        self.siglip, self.dino = siglip or {}, dino or {}
        self.dino_size = dino_size  # side in pixels that makes DINOv2's grid the data's; None: the image's own
        super().__init__(**kwargs)


def _siglip(config: SiglipVisionConfig) -> nn.Module:
    """SigLIP without the norm before its pooling head: `SiglipVisionModel.vision_model`, which transformers 5 has not.

    There the model is the transformer itself.
    """
    model = SiglipVisionModel(config)
    inner = getattr(model, "vision_model", model)
    inner.post_layernorm = nn.Identity()
    return inner  # type: ignore[no-any-return]


class SwitchpointFusedModel(PreTrainedModel):
    """Pixels in [-1, 1] to features [N, T, SigLIP's width + DINOv2's width]."""

    config_class = SwitchpointFusedConfig
    main_input_name = "pixel_values"

    def __init__(self, config: SwitchpointFusedConfig) -> None:
        super().__init__(config)
        siglip = _siglip(SiglipVisionConfig(**config.siglip))
        shape = CONFIG_MAPPING[config.dino["model_type"]](**config.dino)
        # The names that checkpoints give them.
        self.siglip = nn.ModuleDict({"tower": nn.ModuleDict({"vision_model": siglip})})
        self.dino = nn.ModuleDict({"tower": AutoModel.from_config(shape)})
        self.skip = 1 + getattr(shape, "num_register_tokens", 0)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: weights come from the file."""

    def forward(self, pixel_values: torch.Tensor, **kwargs: Any) -> BaseModelOutput:
        siglip: Any = self.siglip["tower"]
        first = siglip["vision_model"](pixel_values=pixel_values).last_hidden_state
        # Back to bytes, exactly, and on to the other tower's own scale, by the arithmetic of training.
        scaled = ((pixel_values.float() + 1.0) * 127.5).round() / 255.0
        mean, std = scaled.new_tensor(_IMAGENET_MEAN), scaled.new_tensor(_IMAGENET_STD)
        scaled = (scaled - mean[:, None, None]) / std[:, None, None]
        if (side := self.config.dino_size) is not None:
            scaled = nn.functional.interpolate(
                scaled, (side, side), mode="bicubic", antialias=True, align_corners=False
            )
        second = self.dino["tower"](pixel_values=scaled.to(pixel_values.dtype)).last_hidden_state[:, self.skip :]
        features: Any = torch.cat((first, second), dim=-1)
        return BaseModelOutput(last_hidden_state=features, hidden_states=(features,))


class SwitchpointConfig(LlavaConfig):
    """Llava's config under a name of its own."""

    model_type = "switchpoint"


class SwitchpointModel(LlavaModel):
    """The same without a language-model head."""

    config_class = SwitchpointConfig
    base_model_prefix = "model"  # of its tensors in a file of the whole model


class SwitchpointForConditionalGeneration(LlavaForConditionalGeneration):
    """Llava with another vision tower."""

    config_class = SwitchpointConfig


for _config, _model in (
    (SwitchpointVisionConfig, SwitchpointVisionModel),
    (SwitchpointFusedConfig, SwitchpointFusedModel),
):
    AutoConfig.register(_config.model_type, _config, exist_ok=True)
    AutoModel.register(_config, _model, exist_ok=True)
