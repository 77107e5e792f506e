"""Maps tensor names of a checkpoint to those of its Hugging Face model: export is a renaming, nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

DECODER = "decoder."
_SIDES = {
    "projector.": "model.multi_modal_projector.",
    "encoder.tower.": "model.vision_tower.",
    "encoder.": "model.vision_tower.",
}
"""Prefix of a parameter here -> there; the first that fits counts."""


def text_name(name: str) -> str:
    """`decoder.layers.0...` in LlamaForCausalLM and Qwen3ForCausalLM."""
    inner = name.removeprefix(DECODER)
    return inner if inner.startswith("lm_head.") else f"model.{inner}"


def multimodal_name(name: str) -> str:
    """The same in LlavaForConditionalGeneration."""
    if name.startswith(DECODER):
        inner = name.removeprefix(DECODER)
        return inner if inner.startswith("lm_head.") else f"model.language_model.{inner}"
    for ours, theirs in _SIDES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise AssertionError(f"a parameter without a place in the export: {name}")


def renamed(model: nn.Module, *, decoder_only: bool) -> dict[str, Tensor]:
    """The parameters of `model` under Hugging Face's names; tensors are shared, not copied."""
    rename = text_name if decoder_only else multimodal_name
    return {
        rename(name): parameter.detach()
        for name, parameter in model.named_parameters()
        if not decoder_only or name.startswith(DECODER)
    }


def fill(target: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set the parameters of the Hugging Face model `target`.

    What it has and we do not is unused there and set to a neutral value: SigLIP's norm before the pooling head, which
    Llava never reads. A tied head follows its embedding.
    """
    missing, unexpected = target.load_state_dict(tensors, strict=False)
    assert not unexpected, unexpected
    left = set(missing) - set(_tied(target))
    for name in left:
        assert ".post_layernorm." in name, name
        with torch.no_grad():
            target.get_parameter(name).fill_(1.0 if name.endswith("weight") else 0.0)


def _tied(target: nn.Module) -> Iterator[str]:
    text = target.config.get_text_config()  # type: ignore[union-attr, operator]
    if text.tie_word_embeddings:
        yield "lm_head.weight"
