"""The whole model is Hugging Face's Llava, weight for weight: SigLIP, projector and decoder, images in place."""

import pytest
import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration, SiglipVisionConfig

from schemas.manifest import ImageGeometry, TokenizerIdentity
from tests.helpers.hugging_face import text_config
from train.config.decoder_config import DecoderConfig
from train.config.encoder_config import EncoderConfig
from train.models.vlm import VisionLanguageModel

TOKENIZER = TokenizerIdentity(digest="t", vocabulary_size=60, end_of_text_id=0, pad_id=1, image_id=60)
GEOMETRY = ImageGeometry(size=16, patch=8, tokens=4)


def theirs(family: str) -> LlavaForConditionalGeneration:
    """Llava over the same shapes, randomly initialised."""
    vision = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        vision_use_head=False,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text_config(family, 64),
        image_token_id=60,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    return LlavaForConditionalGeneration(config).eval()


def renamed(name: str) -> str:
    """Hugging Face's name of one of our parameters."""
    if name.startswith("decoder.lm_head"):
        return name.removeprefix("decoder.")
    for ours, hf in (
        ("decoder.", "language_model."),
        ("encoder.tower.", "vision_tower."),
        ("projector.", "multi_modal_projector."),
    ):
        if name.startswith(ours):
            return f"model.{hf}{name.removeprefix(ours)}"
    raise AssertionError(name)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_logits_equal_llava(family):
    torch.manual_seed(0)
    decoder = DecoderConfig(family=family, width=32, layers=2, heads=4, kv_heads=2, head_width=8, mlp_width=48)
    encoder = EncoderConfig(kind="siglip", width=16, layers=2, heads=2)
    ours = VisionLanguageModel(decoder, TOKENIZER, encoder, GEOMETRY, z_loss=0.0, mask_documents=True).eval()
    llava = theirs(family)
    weights = dict(llava.named_parameters())
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            parameter.normal_(std=0.2)  # weights large enough that every term matters
            weights[renamed(name)].copy_(parameter)
    unused = weights.keys() - {renamed(name) for name, _ in ours.named_parameters()}
    assert all("post_layernorm" in name for name in unused), unused

    tokens = torch.randint(2, 60, (2, 24))
    tokens[0, 3:7] = tokens[0, 10:14] = tokens[1, 0:4] = TOKENIZER.image_id
    pixels = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    with torch.no_grad():
        found = ours.logits(tokens, pixels)
        expected = llava(input_ids=tokens, pixel_values=pixels.float() / 127.5 - 1).logits
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
