"""transformers' processor gives the pixels that training saw, stretched or padded, also when it is loaded again."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from schemas.manifest import ImageGeometry
from train.export.image_processor import image_processor
from train.loader.rows.decode import decode_image
from train.models.towers import normalise


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_pixels_are_training_s(tmp_path, fit):
    geometry = ImageGeometry(size=28, patch=14, tokens=4, fit=fit)
    image_processor(geometry).save_pretrained(tmp_path)
    read = AutoImageProcessor.from_pretrained(tmp_path, use_fast=False)
    rng = np.random.default_rng(0)
    for width, height in ((40, 30), (31, 64), (28, 28), (9, 200)):
        picture = Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        pixels = torch.from_numpy(decode_image(buffer.getvalue(), 28, geometry.fit).copy())[None]
        found = read(picture, return_tensors="pt")["pixel_values"]
        assert torch.equal(found, normalise(pixels)), (fit, width, height)
