"""Decay is decoupled, and spares what it should: checked on a step, and name by name on every kind of model."""

import pytest
import torch

from tests.helpers import synthetic
from train.config.model_config import ModelConfig
from train.config.run_config import OptimizerConfig
from train.models.vlm import VisionLanguageModel
from train.run.optimizer import build_optimizer, decays

DECODER = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24, "family": "qwen3"}


def model(kind: str) -> VisionLanguageModel:
    config = {"decoder": DECODER, "encoder": {"kind": kind, "width": 8, "layers": 1, "heads": 2}}
    return VisionLanguageModel.of(ModelConfig.model_validate(config), synthetic.TOKENIZER, synthetic.GEOMETRY)


@pytest.mark.parametrize("kind", ["patch", "siglip", "siglip_dino"])
def test_matrices_decay_and_nothing_else(kind):
    spared = {name for name, p in model(kind).named_parameters() if p.ndim >= 2 and not decays(name, p)}
    assert {name.rpartition("decoder.")[2] for name in spared if "decoder." in name} == {
        "embed_tokens.weight",
        "lm_head.weight",
    }
    rest = {name for name in spared if "decoder." not in name}
    assert all("position" in name or "token" in name for name in rest), rest
    if kind == "siglip_dino":
        assert any(name.endswith("cls_token") for name in rest)


def test_a_step_without_gradient_shrinks_by_rate_times_decay():
    found = model("patch")
    optimizer = build_optimizer(found, OptimizerConfig(weight_decay=0.5))
    before = {name: p.detach().clone() for name, p in found.named_parameters()}
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    for parameter in found.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in found.named_parameters():
        factor = 1 - 0.1 * 0.5 if decays(name, parameter) else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * factor, msg=name)
