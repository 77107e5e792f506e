"""Tests of the names of tensors in an export: each once, shared and not copied, and none left without a value."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from train.export.tensor_names import fill, multimodal_name, renamed, text_name


@pytest.mark.parametrize(
    ("ours", "text", "multimodal"),
    [
        ("decoder.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight", "model.language_model.layers.0."),
        ("decoder.embed_tokens.weight", "model.embed_tokens.weight", "model.language_model.embed_tokens.weight"),
        ("decoder.lm_head.weight", "lm_head.weight", "lm_head.weight"),
    ],
)
def test_the_decoder_alone_and_beside_an_image_side(ours: str, text: str, multimodal: str) -> None:
    assert text_name(ours) == text
    assert multimodal_name(ours).startswith(multimodal)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("projector.linear_1.weight", "model.multi_modal_projector.linear_1.weight"),
        ("encoder.tower.embeddings.weight", "model.vision_tower.embeddings.weight"),
        ("encoder.siglip.x", "model.vision_tower.siglip.x"),
    ],
)
def test_the_image_side(ours: str, theirs: str) -> None:
    assert multimodal_name(ours) == theirs


def test_a_parameter_without_a_place_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match=r"without a place in the export: head.weight"):
        multimodal_name("head.weight")


def small(*, tied: bool = False) -> LlamaForCausalLM:
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=16, tie_word_embeddings=tied, **shape))


class Ours(torch.nn.Module):
    """A model whose decoder's parameters have Hugging Face's names below `decoder.`, and which has a projector."""

    def __init__(self) -> None:
        super().__init__()
        theirs = small()
        self.decoder = theirs.model
        self.decoder.lm_head = theirs.lm_head
        self.projector = torch.nn.Linear(2, 2)


def test_tensors_are_shared_and_the_decoder_can_go_alone() -> None:
    ours, target = Ours(), small()
    found = renamed(ours, decoder_only=True)
    assert not any("projector" in name for name in found)
    assert found["model.embed_tokens.weight"].data_ptr() == ours.decoder.embed_tokens.weight.data_ptr()
    assert "model.multi_modal_projector.weight" in renamed(ours, decoder_only=False)
    fill(target, found)
    assert all(torch.equal(parameter, found[name]) for name, parameter in target.named_parameters())


def test_what_is_missing_or_unknown_is_not_passed_over() -> None:
    found = renamed(Ours(), decoder_only=True)
    head = found.pop("lm_head.weight")
    fill(small(tied=True), found)
    with pytest.raises(AssertionError, match=r"lm_head\.weight"):
        fill(small(), found)
    with pytest.raises(AssertionError, match="another"):
        fill(small(), {**found, "lm_head.weight": head, "another": head})
