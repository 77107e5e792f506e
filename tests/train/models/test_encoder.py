"""Tests of the plain patch projection: patches in reading order, each a linear function of its own pixels."""

import pytest
import torch

from common.errors import InputError
from schemas.manifest import ImageGeometry
from train.config.encoder_config import EncoderConfig
from train.models.encoder import PatchEncoder, build_encoder
from train.models.towers import SiglipDinoEncoder, SiglipEncoder

GEOMETRY = ImageGeometry(size=17, patch=8, tokens=4)
"""The last row and column of pixels fill no patch."""


def built(**settings: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_encoder(EncoderConfig.model_validate({"width": 8, "heads": 2, **settings}), GEOMETRY)


def pixels(images: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (images, 3, 17, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_a_patch_is_the_features_of_its_own_pixels_in_reading_order() -> None:
    encoder, image = built(), pixels()
    before = encoder(image)
    assert before.shape == (1, 4, 8)
    for patch, (row, column) in enumerate(((0, 0), (0, 8), (8, 0), (8, 8))):
        changed = image.clone()
        changed[:, :, row + 3, column + 5] ^= 255
        moved = (encoder(changed) != before).any(dim=2)[0]
        assert moved.tolist() == [n == patch for n in range(4)]
    changed = image.clone()
    changed[:, :, 16], changed[:, :, :, 16] = 0, 255
    assert torch.equal(encoder(changed), before), "what fills no patch is left out, as by a convolution"


def test_the_projection_is_that_of_a_convolution() -> None:
    encoder, image = built(), pixels(2)
    assert isinstance(encoder, PatchEncoder)
    weight = encoder.project.weight.reshape(8, 3, 8, 8)
    scaled = image.float() / 127.5 - 1
    features = torch.nn.functional.conv2d(scaled, weight, encoder.project.bias, stride=8).flatten(2).transpose(1, 2)
    torch.testing.assert_close(encoder(image), encoder.norm(features + encoder.position), atol=1e-5, rtol=1e-5)


def test_blocks_let_patches_see_each_other_and_images_apart() -> None:
    encoder, images = built(layers=1), pixels(2)
    assert isinstance(encoder, PatchEncoder)
    assert (len(encoder.layers()), encoder.shapes) == (1, {})
    before = encoder(images)
    changed = images.clone()
    changed[0, :, 3, 5] ^= 255
    moved = (encoder(changed) - before).abs().amax(dim=2) > 1e-6
    assert moved.tolist() == [[True] * 4, [False] * 4]


def test_kinds_and_frozen_weights() -> None:
    for kind, encoder in (("patch", PatchEncoder), ("siglip", SiglipEncoder), ("siglip_dino", SiglipDinoEncoder)):
        settings = EncoderConfig.model_validate({"kind": kind, "width": 8, "layers": 1, "heads": 2, "frozen": True})
        found = build_encoder(settings, ImageGeometry(size=16, patch=8, tokens=4))
        assert isinstance(found, encoder)
        assert not any(parameter.requires_grad for parameter in found.parameters())
    assert all(parameter.requires_grad for parameter in built().parameters())


def test_other_tokens_than_the_data_has_placeholders_for_are_refused() -> None:
    with pytest.raises(InputError, match="tokens"):
        build_encoder(EncoderConfig(width=8), ImageGeometry(size=16, patch=8, tokens=9))
