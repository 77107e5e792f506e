"""Tests of the configs of exports: the checkpoint's shape in transformers' words, plain wherever that can be."""

from typing import Any

import pytest
from transformers import LlamaConfig, LlavaConfig, Qwen3Config

from schemas.manifest import ImageGeometry, TokenizerIdentity
from tests.helpers.checkpoints import FUSED, PATCH, SHAPE, SIGLIP
from train.config.decoder_config import DecoderConfig
from train.config.model_config import ModelConfig
from train.export.hugging_face_configs import model_config, text_config
from train.export.modeling_switchpoint import SwitchpointConfig
from train.models.vlm import VisionLanguageModel

TOKENIZER = TokenizerIdentity(digest="d", vocabulary_size=258, end_of_text_id=0, pad_id=1, image_id=258)
GEOMETRY = ImageGeometry(size=16, patch=8, tokens=4)


@pytest.mark.parametrize(("family", "kind"), [("llama", LlamaConfig), ("qwen3", Qwen3Config)])
def test_the_decoder_in_transformers_words(family: str, kind: type) -> None:
    changes = {"family": family, "kv_heads": 2, "rope_theta": 5e5, "norm_eps": 1e-6, "tied": True}
    found: Any = text_config(DecoderConfig.model_validate({**SHAPE, **changes}), TOKENIZER, [0, 259], 512)
    assert type(found) is kind
    assert (found.hidden_size, found.num_hidden_layers, found.intermediate_size) == (128, 2, 192)
    assert (found.num_attention_heads, found.num_key_value_heads, found.head_dim) == (4, 2, 32)
    assert (found.rope_theta, found.rms_norm_eps, found.tie_word_embeddings) == (5e5, 1e-6, True)
    assert (found.vocab_size, found.max_position_embeddings) == (TOKENIZER.embedding_rows, 512)
    assert (found.bos_token_id, found.eos_token_id, found.pad_token_id) == (None, [0, 259], 1)
    assert found.attention_bias is False


def whole(encoder: dict[str, Any] | None) -> Any:
    section = ModelConfig.model_validate({"decoder": SHAPE, "encoder": encoder or {}})
    model = VisionLanguageModel.of(section, TOKENIZER, GEOMETRY if encoder else None, {})
    return model_config(model, TOKENIZER, [0], 512)


def test_a_model_without_images_is_a_plain_decoder_and_one_with_siglip_is_llava() -> None:
    assert type(whole(None)) is Qwen3Config
    found = whole(SIGLIP)
    assert type(found) is LlavaConfig
    assert (found.vision_feature_layer, found.vision_feature_select_strategy) == (-1, "full")
    assert (found.image_token_index, found.image_seq_length, found.eos_token_id) == (258, 4, [0])
    assert found.vision_config.num_hidden_layers == 2


@pytest.mark.parametrize(("encoder", "layers"), [(PATCH, 1), ({**PATCH, "layers": 0}, 0)])
def test_a_patch_encoder_brings_the_module_that_knows_it(encoder: dict[str, Any], layers: int) -> None:
    found = whole(encoder)
    assert type(found) is SwitchpointConfig
    assert set(found.auto_map.values()) == {
        f"modeling_switchpoint.Switchpoint{name}" for name in ("Config", "Model", "ForConditionalGeneration")
    }
    vision = found.vision_config
    assert (vision.hidden_size, vision.layers, vision.image_size, vision.patch_size) == (32, layers, 16, 8)


def test_siglip_and_dino_are_told_by_their_shapes() -> None:
    vision = whole(FUSED).vision_config
    assert (vision.image_size, vision.patch_size, vision.hidden_size) == (16, 8, 64)
    assert vision.siglip["num_hidden_layers"] == vision.dino["num_hidden_layers"] == 2
