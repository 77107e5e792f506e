"""Recomputing, compiling and fused products change what is computed when, not what comes out."""

import pytest
import torch

from benchmarks import inductor_bytes
from train.config.decoder_config import DecoderConfig
from train.models.attention import document_mask
from train.models.decoder import Decoder
from train.models.document_positions import document_ids, positions


def gradients(change) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Output and gradients of a small decoder to whose blocks `change` was applied."""
    torch.manual_seed(0)
    decoder = Decoder(DecoderConfig(width=32, layers=2, heads=4, kv_heads=2, head_width=8, mlp_width=48), 64)
    for block in decoder.layers:
        change(block)
    tokens = torch.randint(0, 64, (2, 24))
    documents = document_ids(tokens, 3)
    hidden = decoder(decoder.embed_tokens(tokens), positions(documents), document_mask(documents))
    hidden.square().sum().backward()
    return hidden.detach(), {name: p.grad for name, p in decoder.named_parameters() if p.grad is not None}


def test_recomputing_is_exact():
    plain, expected = gradients(lambda block: None)
    again, found = gradients(lambda block: setattr(block, "recompute", True))
    assert torch.equal(plain, again)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], gradient) for name, gradient in expected.items())


def test_compiled_blocks_compute_the_same():
    """Without code generation, which takes minutes on a CPU: what is tested is that blocks compile in place."""
    plain, expected = gradients(lambda block: None)
    compiled, found = gradients(lambda block: block.compile(backend="aot_eager"))
    torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-4)
    assert found.keys() == expected.keys(), "names stay as they were"
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize("compiled", [False, True])
def test_gate_and_up_in_one_product_are_the_same(compiled):
    def fuse(block):
        block.mlp.fused = True
        if compiled:
            block.compile(backend="aot_eager")

    plain, expected = gradients(lambda block: None)
    fused, found = gradients(fuse)
    torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-4)
    assert found.keys() == expected.keys(), "the weights stay two"
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.soak
def test_inductor_counts_fewer_bytes_for_gate_and_up_in_one_product_and_more_for_queries_keys_and_values():
    """Which is why the one is an option and the other is not."""
    config = DecoderConfig(width=128, layers=1, heads=4, kv_heads=4, head_width=32, mlp_width=352)
    plain = inductor_bytes.block_bytes(config, torch.bfloat16)
    assert inductor_bytes.block_bytes(config, torch.bfloat16, gate=True) < plain
    assert inductor_bytes.block_bytes(config, torch.bfloat16, qkv=True) > plain
