"""Pre-trained towers are loaded by Hugging Face's own code from what it saved, and give the features that it gives."""

import json

import pytest
import torch
from transformers import (
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    SiglipConfig,
    SiglipModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from common.errors import InputError
from schemas.manifest import ImageGeometry
from train.config.encoder_config import EncoderConfig
from train.models.encoder import build_encoder

GEOMETRY = ImageGeometry(size=16, patch=8, tokens=4)
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SIGLIP = {**SMALL, "image_size": 16, "patch_size": 8}
DINO = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Directories of towers with random weights: SigLIP alone, SigLIP with its text side, DINOv2 of three shapes."""
    root = tmp_path_factory.mktemp("towers")
    torch.manual_seed(0)
    models = {
        "siglip": SiglipVisionModel(SiglipVisionConfig(**SIGLIP)),
        "siglip-whole": SiglipModel(SiglipConfig(text_config={**SMALL, "vocab_size": 50}, vision_config=SIGLIP)),
        "dino": Dinov2Model(Dinov2Config(**DINO, image_size=16, patch_size=8)),
        "dino-registers": Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**DINO, image_size=32, patch_size=8)),
        "dino-patch-7": Dinov2Model(Dinov2Config(**DINO, image_size=28, patch_size=7)),
        "dino-patch-4": Dinov2Model(Dinov2Config(**DINO, image_size=28, patch_size=4)),
    }
    for name, model in models.items():
        model.save_pretrained(root / name)
    return root, {name: model.eval() for name, model in models.items()}


@pytest.fixture(scope="module")
def pixels():
    return torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def build(kind, **paths):
    return build_encoder(EncoderConfig(kind=kind, **paths), GEOMETRY).eval()


@pytest.mark.parametrize("name", ["siglip", "siglip-whole"])
def test_siglip_features_are_those_that_llava_takes(saved, pixels, name):
    root, models = saved
    encoder = build("siglip", path=str(root / name))
    reference = models[name].vision_model if name == "siglip-whole" else models[name]
    scaled = pixels.float() / 127.5 - 1
    with torch.no_grad():
        collected = []
        layer = (reference if name == "siglip-whole" else reference.vision_model).encoder.layers[-1]
        handle = layer.register_forward_hook(lambda _, __, out: collected.append(out))
        reference(pixel_values=scaled)
        handle.remove()
        found = encoder(pixels)
    expected = collected[0][0] if isinstance(collected[0], tuple) else collected[0]
    assert torch.equal(found, expected)
    assert encoder.width == 16
    assert len(encoder.layers()) == 2


@pytest.mark.parametrize(
    ("name", "skip"), [("dino", 1), ("dino-registers", 5), ("dino-patch-7", 1), ("dino-patch-4", 1)]
)
def test_siglip_and_dino_side_by_side(saved, pixels, name, skip):
    root, models = saved
    encoder = build("siglip_dino", path=str(root / "siglip"), dino_path=str(root / name))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    scaled = (pixels.float() / 255 - mean[:, None, None]) / std[:, None, None]
    if name == "dino-patch-4":  # its own patches would make a grid of 4 x 4 where the data has 2 x 2
        scaled = torch.nn.functional.interpolate(scaled, (8, 8), mode="bicubic", antialias=True)
    with torch.no_grad():
        found = encoder(pixels)
        expected = models[name](pixel_values=scaled).last_hidden_state[:, skip:]
        alone = build("siglip", path=str(root / "siglip"))(pixels)
    assert found.shape == (3, 4, 16 + 24)
    assert encoder.width == 40
    assert torch.equal(found[..., :16], alone)
    torch.testing.assert_close(found[..., 16:], expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["siglip", "siglip_dino", "patch"])
def test_every_trained_parameter_gets_a_gradient(pixels, kind):
    encoder = build_encoder(EncoderConfig(kind=kind, width=8, layers=1, heads=2), GEOMETRY)
    encoder(pixels).square().sum().backward()
    assert [name for name, p in encoder.named_parameters() if p.requires_grad and p.grad is None] == []


def test_frozen_towers_record_no_graph(saved, pixels):
    root, _ = saved
    encoder = build("siglip_dino", path=str(root / "siglip"), dino_path=str(root / "dino"), frozen=True)
    assert not encoder(pixels).requires_grad


def test_mistakes_name_the_remedy(saved, tmp_path):
    root, _ = saved
    with pytest.raises(InputError, match=r"encoder.path: cannot load the tower .*; give a directory"):
        build("siglip", path="nobody/no-such-tower")
    with pytest.raises(InputError, match="a siglip_vision_model, not a DINOv2"):
        build("siglip_dino", path=str(root / "siglip"), dino_path=str(root / "siglip"))
    with pytest.raises(InputError, match="the tower takes 16 px images in 8 px patches"):
        build_encoder(
            EncoderConfig(kind="siglip", path=str(root / "siglip")), ImageGeometry(size=32, patch=8, tokens=16)
        )
    with pytest.raises(ValueError, match="give both `path` and `dino_path`"):
        EncoderConfig(kind="siglip_dino", path="x")


def test_a_pickle_is_not_read(saved, tmp_path):
    root, models = saved
    config = json.loads((root / "siglip/config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save(models["siglip"].state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot load the tower"):
        build("siglip", path=str(tmp_path))
