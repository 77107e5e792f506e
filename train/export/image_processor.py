"""Makes the image processor of an export: the pixels that training saw, by transformers' own classes."""

from __future__ import annotations

from typing import Any

from transformers import SiglipImageProcessor
from transformers.image_utils import PILImageResampling
from transformers.models.llava.image_processing_llava import LlavaImageProcessor

from schemas.manifest import PAD, ImageGeometry


def image_processor(geometry: ImageGeometry) -> Any:
    """Squares of the encoder's size by bicubic resizing, values in [-1, 1]; padded to a square first where asked."""
    side = {"height": geometry.size, "width": geometry.size}
    common: dict[str, Any] = {
        "size": side, "resample": PILImageResampling.BICUBIC, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_convert_rgb": True,
    }  # fmt: skip
    if geometry.fit == PAD:  # with the mean colour, as `train.loader.rows.decode` does
        return LlavaImageProcessor(do_pad=True, do_center_crop=False, **common)
    return SiglipImageProcessor(**common)
