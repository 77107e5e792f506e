"""Wraps pre-trained vision towers, Hugging Face's own modules: SigLIP, DINOv2, and both with their channels side by
side.

A feature is what the last block puts out. SigLIP's final norm and pooling head are left out, as Hugging Face's Llava
leaves them out, so that an exported model computes the same; DINOv2 keeps its final norm, which its patch features were
trained with. Weights are read from safetensors only, never from pickles. A checkpoint has all weights and the towers'
shapes, so what goes on from it needs neither the directory nor the hub that the towers came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.errors import InputError
from schemas.manifest import ImageGeometry
from train.config.encoder_config import EncoderConfig

Shapes = Mapping[str, dict[str, Any]]
"""Hugging Face's config of each tower (`siglip`, `dino`), as `encoder.shapes` gives them."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalise(pixels_NCHW: Tensor) -> Tensor:
    """uint8 pixels to floats in [-1, 1]."""
    return pixels_NCHW.float() / 127.5 - 1.0


class SiglipEncoder(nn.Module):
    """SigLIP's tower. Its position table fixes the image size."""

    def __init__(self, config: EncoderConfig, geometry: ImageGeometry, shapes: Shapes | None = None) -> None:
        super().__init__()
        from transformers import SiglipVisionConfig, SiglipVisionModel  # seconds to import

        self.tower: Any
        if shapes:
            self.tower = SiglipVisionModel(SiglipVisionConfig(**shapes["siglip"]))
        elif config.path is not None:
            shape = _load(SiglipVisionConfig, config.path, "encoder.path")
            shape.vision_use_head = False
            self.tower = _load(SiglipVisionModel, config.path, "encoder.path", config=shape)
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
        self.tower.vision_model.post_layernorm = nn.Identity()
        saved = self.tower.config
        if (saved.image_size, saved.patch_size) != (geometry.size, geometry.patch):
            raise InputError(
                f"the tower takes {saved.image_size} px images in {saved.patch_size} px patches, "
                f"the data was packed for {geometry.size} and {geometry.patch}",
                file=config.path,
                field="encoder.path",
                remedy="use the tower that the data was packed for",
            )
        expect_tokens((saved.image_size // saved.patch_size) ** 2, geometry)
        self.width: int = saved.hidden_size

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        """Returns what rebuilds the tower, but for its weights."""
        return {"siglip": _described(self.tower.config)}

    def layers(self) -> list[nn.Module]:
        """Returns the transformer blocks."""
        return list(self.tower.vision_model.encoder.layers)

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Features [N, patches, width] of uint8 pixels [N, 3, size, size]."""
        return self.tower(pixel_values=normalise(pixels_NCHW)).last_hidden_state  # type: ignore[no-any-return]


class DinoEncoder(nn.Module):
    """DINOv2's patch features, on the same grid as the data's image tokens.

    Its positions are interpolated to that grid. Where its own patches would make another grid, images are resized.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig, geometry: ImageGeometry, shapes: Shapes | None = None) -> None:
        super().__init__()
        from transformers import AutoConfig, Dinov2Config, Dinov2Model, Dinov2WithRegistersModel

        classes: dict[str, Any] = {"dinov2": Dinov2Model, "dinov2_with_registers": Dinov2WithRegistersModel}
        if shapes:
            saved = dict(shapes["dino"])
            kind = classes[saved.pop("model_type")]
            self.tower = kind(kind.config_class(**saved))
        elif config.dino_path is not None:
            family = _load(AutoConfig, config.dino_path, "encoder.dino_path").model_type
            if family not in classes:
                raise InputError(
                    f"a {family}, not a DINOv2", field="encoder.dino_path", remedy=f"choose {' or '.join(classes)}"
                )
            self.tower = _load(classes[family], config.dino_path, "encoder.dino_path")
        else:
            self.tower = Dinov2Model(
                Dinov2Config(
                    hidden_size=config.width,
                    num_hidden_layers=max(1, config.layers),
                    num_attention_heads=config.heads,
                    image_size=geometry.size,
                    patch_size=geometry.patch,
                )
            )
        # Takes no part without masked patches; a trained parameter without a gradient would stall DDP.
        self.tower.embeddings.mask_token.requires_grad_(False)
        side, patch = geometry.size // geometry.patch, self.tower.config.patch_size
        self._resized = None if geometry.size // patch == side else side * patch
        self._skip = 1 + getattr(self.tower.config, "num_register_tokens", 0)
        self.width: int = self.tower.config.hidden_size
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        """Returns what rebuilds the tower, but for its weights."""
        return {"dino": _described(self.tower.config)}

    def layers(self) -> list[nn.Module]:
        """Returns the transformer blocks."""
        return list(self.tower.encoder.layer)

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Features [N, patches, width] of uint8 pixels [N, 3, size, size]; the class token and registers left out."""
        scaled = (pixels_NCHW.float() / 255.0 - self.mean) / self.std
        if self._resized is not None:
            size = (self._resized, self._resized)
            scaled = functional.interpolate(scaled, size, mode="bicubic", antialias=True, align_corners=False)
        return self.tower(pixel_values=scaled).last_hidden_state[:, self._skip :]  # type: ignore[no-any-return]


class SiglipDinoEncoder(nn.Module):
    """Both towers on the same patches, channels concatenated: SigLIP's language, DINOv2's sense of place."""

    def __init__(self, config: EncoderConfig, geometry: ImageGeometry, shapes: Shapes | None = None) -> None:
        super().__init__()
        self.siglip, self.dino = SiglipEncoder(config, geometry, shapes), DinoEncoder(config, geometry, shapes)
        self.width = self.siglip.width + self.dino.width

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        """Returns what rebuilds both towers, but for their weights."""
        return {**self.siglip.shapes, **self.dino.shapes}

    def layers(self) -> list[nn.Module]:
        """The transformer blocks of both."""
        return [*self.siglip.layers(), *self.dino.layers()]

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """Features [N, patches, SigLIP's width + DINOv2's width] of uint8 pixels [N, 3, size, size]."""
        return torch.cat((self.siglip(pixels_NCHW), self.dino(pixels_NCHW)), dim=-1)


def expect_tokens(tokens: int, geometry: ImageGeometry) -> None:
    """Refuse an encoder that yields another number of tokens than the data has placeholders for."""
    if tokens != geometry.tokens:
        raise InputError(
            f"the encoder yields {tokens} tokens an image, the data has {geometry.tokens} placeholders",
            remedy="pack the data again with this geometry, or choose the encoder that it was packed for",
        )


def _described(config: Any) -> dict[str, Any]:
    """A tower's config as plain data, without where it came from."""
    return {key: value for key, value in config.to_dict().items() if key != "_name_or_path"}


def _load(loader: Any, path: str, field: str, **options: Any) -> Any:
    """`from_pretrained` of a directory or a hub name, without pickles and without code from the hub."""
    name, _, revision = path.partition("@")
    local = Path(path).is_dir()
    if hasattr(loader, "base_model_prefix"):
        options |= {"use_safetensors": True}
    try:
        return loader.from_pretrained(
            path if local else name, revision=None if local else revision or None, local_files_only=local, **options
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"cannot load the tower ({reason})",
            file=path,
            field=field,
            remedy="give a directory with config.json and model.safetensors, or a hub name that can be reached",
        ) from None
