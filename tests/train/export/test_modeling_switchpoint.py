"""Tests of the module that exports bring with them: it stands alone, and its towers are the trainer's own."""

from pathlib import Path

import pytest
import torch

from schemas.manifest import ImageGeometry
from tests.helpers.checkpoints import FUSED, PATCH
from tests.test_architecture import imports
from train.config.encoder_config import EncoderConfig
from train.export import modeling_switchpoint
from train.export.hugging_face_configs import fused_vision, remote_vision
from train.models.encoder import build_encoder
from train.models.towers import normalise

GEOMETRY = ImageGeometry(size=16, patch=8, tokens=4)


def test_the_module_of_a_patch_export_needs_nothing_of_this_project():
    found = imports(Path(str(modeling_switchpoint.__file__)))
    assert found == {"__future__", "typing", "torch", "transformers"}


@pytest.mark.parametrize("kind", ["patch", "fused"])
def test_a_tower_of_the_same_weights_gives_the_same_features(kind: str) -> None:
    """To the bit, and by the same names: what an export writes is what the module loads."""
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig.model_validate(PATCH if kind == "patch" else FUSED), GEOMETRY).eval()
    if kind == "patch":
        config = modeling_switchpoint.SwitchpointVisionConfig(**remote_vision(encoder, GEOMETRY))
        tower = modeling_switchpoint.SwitchpointVisionModel(config)
    else:
        config = modeling_switchpoint.SwitchpointFusedConfig(**fused_vision(encoder, GEOMETRY))
        tower = modeling_switchpoint.SwitchpointFusedModel(config)
    missing, unexpected = tower.load_state_dict(encoder.state_dict(), strict=False)
    assert not unexpected
    assert all(".post_layernorm." in name for name in missing), missing
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    with torch.no_grad():
        found = tower.eval()(normalise(pixels))
        assert torch.equal(found.last_hidden_state, encoder(pixels))
