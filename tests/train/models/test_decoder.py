"""The decoder is Hugging Face's, weight for weight; packed documents do not see each other."""

import pytest
import torch
from transformers import LlamaForCausalLM, Qwen3ForCausalLM

from tests.helpers.hugging_face import text_config
from train.config.decoder_config import SIZES, DecoderConfig
from train.models.attention import document_mask
from train.models.decoder import Decoder
from train.models.document_positions import document_ids, positions

VOCABULARY, END = 96, 3


def small(family: str, tied: bool = False, kv_heads: int = 2) -> DecoderConfig:
    return DecoderConfig(
        family=family, width=32, layers=2, heads=4, kv_heads=kv_heads, head_width=8, mlp_width=48, tied=tied
    )


def run(decoder: Decoder, tokens: torch.Tensor, *, opens: bool = True) -> torch.Tensor:
    documents = document_ids(tokens, END, opens=opens)
    hidden = decoder(decoder.embed_tokens(tokens), positions(documents), document_mask(documents))
    return decoder.logits(hidden)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("family", "model_class"), [("llama", LlamaForCausalLM), ("qwen3", Qwen3ForCausalLM)])
def test_logits_equal_hugging_face(family, model_class, tied):
    torch.manual_seed(0)
    ours = small(family, tied)
    decoder = Decoder(ours, VOCABULARY)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.normal_(std=0.3)  # weights large enough that every term matters
    shape = {"rms_norm_eps": ours.norm_eps, "rope_theta": ours.rope_theta, "tie_word_embeddings": tied}
    config = text_config(family, VOCABULARY, **shape)
    theirs = model_class(config).eval()
    state = {name if name.startswith("lm_head") else f"model.{name}": t for name, t in decoder.state_dict().items()}
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected
    assert missing == (["lm_head.weight"] if tied else [])
    tokens = torch.randint(4, VOCABULARY, (2, 17))
    with torch.no_grad():
        torch.testing.assert_close(run(decoder, tokens), theirs(tokens).logits, atol=1e-5, rtol=1e-5)


def test_packed_documents_do_not_leak():
    torch.manual_seed(1)
    decoder = Decoder(small("qwen3"), VOCABULARY)
    tokens = torch.randint(4, VOCABULARY, (1, 24))
    tokens[0, 9] = END
    other = tokens.clone()
    other[0, :9] = torch.randint(4, VOCABULARY, (9,))
    with torch.no_grad():
        before, after = run(decoder, tokens), run(decoder, other)
    assert (before[0, 10:] - after[0, 10:]).abs().max().item() == 0.0
    assert not torch.equal(before[0, :9], after[0, :9])


@pytest.mark.parametrize("opens", [True, False])
def test_a_document_is_the_same_wherever_it_stands(opens):
    """Its own end of text, which opens it, belongs to it; one that closes the document before does not."""
    torch.manual_seed(2)
    decoder = Decoder(small("llama"), VOCABULARY)
    first, second = torch.randint(4, VOCABULARY, (7,)), torch.randint(4, VOCABULARY, (10,))
    first[-1] = END
    with torch.no_grad():
        begins = 6 if opens else 7
        packed = run(decoder, torch.cat((first, second))[None], opens=opens)[0, begins:]
        alone = run(decoder, torch.cat((first, second))[None, begins:], opens=opens)[0]
    torch.testing.assert_close(packed, alone, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("size", "expected"), [("79M", 79e6), ("1.4B", 1.44e9), ("7B", 6.9e9)])
def test_sizes_are_the_papers(size, expected):
    assert SIZES[size].parameters(50_432) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_parameter_arithmetic(family):
    config = small(family)
    assert sum(p.numel() for p in Decoder(config, VOCABULARY).parameters()) == config.parameters(VOCABULARY)
