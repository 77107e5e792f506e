"""Makes Hugging Face configs that say what a checkpoint's own config says; where it can be, loading needs no code of
ours.

A text model is `llama` or `qwen3`. With a SigLIP tower it is `llava`, read at the last block
(`vision_feature_layer=-1`) and without a class token to skip (`full`). Any other encoder is unknown to transformers:
those models bring `modeling_switchpoint.py` (`remote.py` here) with them.
"""

from __future__ import annotations

from typing import Any

from transformers import LlamaConfig, LlavaConfig, PretrainedConfig, Qwen3Config

from schemas.manifest import ImageGeometry, TokenizerIdentity
from train.config.decoder_config import DecoderConfig
from train.models.vlm import VisionLanguageModel

FAMILIES: dict[str, type[PretrainedConfig]] = {"llama": LlamaConfig, "qwen3": Qwen3Config}
ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM"}
REMOTE_MODULE = "modeling_switchpoint"


def text_config(
    decoder: DecoderConfig, tokenizer: TokenizerIdentity, ends: list[int], max_length: int
) -> PretrainedConfig:
    """The decoder alone. `ends` are the ids that end an answer; `max_length` is the training sequence's, in tokens."""
    return FAMILIES[decoder.family](
        vocab_size=tokenizer.embedding_rows,
        hidden_size=decoder.width,
        intermediate_size=decoder.mlp_width,
        num_hidden_layers=decoder.layers,
        num_attention_heads=decoder.heads,
        num_key_value_heads=decoder.kv_heads,
        head_dim=decoder.head_width,
        hidden_act="silu",
        max_position_embeddings=max_length,
        rms_norm_eps=decoder.norm_eps,
        rope_theta=decoder.rope_theta,
        tie_word_embeddings=decoder.tied,
        attention_bias=False,
        bos_token_id=None,
        eos_token_id=ends,  # type: ignore[arg-type]  # declared as one id, used as a list everywhere
        pad_token_id=tokenizer.pad_id,
        architectures=[ARCHITECTURES[decoder.family]],  # vLLM wants it in a `text_config` too
    )


def model_config(
    model: VisionLanguageModel, tokenizer: TokenizerIdentity, ends: list[int], max_length: int
) -> PretrainedConfig:
    """The config of the whole `model`, image side included where there is one."""
    text = text_config(model.decoder.config, tokenizer, ends, max_length)
    if model.encoder is None or model.geometry is None:
        return text
    common: dict[str, Any] = {
        "text_config": text,
        "image_token_index": tokenizer.image_id,
        "image_seq_length": model.geometry.tokens,
        "projector_hidden_act": "gelu",
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
        "tie_word_embeddings": model.decoder.config.tied,
        "bos_token_id": None,
        "eos_token_id": ends,
        "pad_token_id": tokenizer.pad_id,
    }
    from train.models.towers import SiglipDinoEncoder, SiglipEncoder

    if isinstance(model.encoder, SiglipEncoder):
        return LlavaConfig(vision_config=model.encoder.tower.config, **common)
    from train.export import modeling_switchpoint

    vision: PretrainedConfig
    if isinstance(model.encoder, SiglipDinoEncoder):
        vision = modeling_switchpoint.SwitchpointFusedConfig(**fused_vision(model.encoder, model.geometry))
    else:
        vision = modeling_switchpoint.SwitchpointVisionConfig(**remote_vision(model.encoder, model.geometry))
    found = modeling_switchpoint.SwitchpointConfig(vision_config=vision, **common)
    found.auto_map = {
        "AutoConfig": f"{REMOTE_MODULE}.SwitchpointConfig",
        "AutoModel": f"{REMOTE_MODULE}.SwitchpointModel",
        "AutoModelForImageTextToText": f"{REMOTE_MODULE}.SwitchpointForConditionalGeneration",
        "AutoModelForVision2Seq": f"{REMOTE_MODULE}.SwitchpointForConditionalGeneration",
    }
    return found


def remote_vision(encoder: Any, geometry: ImageGeometry) -> dict[str, Any]:
    """Returns what the remote module needs to rebuild a patch encoder."""
    return {
        "hidden_size": encoder.width,
        "layers": len(encoder.blocks),
        "heads": encoder.blocks[0].self_attn.num_heads if len(encoder.blocks) else 1,
        "image_size": geometry.size,
        "patch_size": geometry.patch,
    }


def fused_vision(encoder: Any, geometry: ImageGeometry) -> dict[str, Any]:
    """Returns what the remote module needs to rebuild SigLIP and DINOv2 side by side."""
    return {
        "hidden_size": encoder.width,
        "image_size": geometry.size,
        "patch_size": geometry.patch,
        **encoder.shapes,
        "dino_size": encoder.dino._resized,
    }
