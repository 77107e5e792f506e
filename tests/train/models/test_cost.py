"""The arithmetic of a step, against what PyTorch counts and what was worked out by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from train.config.decoder_config import SIZES, DecoderConfig
from train.models.cost import forward_flops, fp8_share, memory, training_flops
from train.models.decoder import Decoder
from train.models.document_positions import positions

VOCABULARY = 50_432


def test_against_pytorchs_counter():
    shape = DecoderConfig(width=64, layers=2, heads=4, kv_heads=2, head_width=16, mlp_width=96)
    decoder, length = Decoder(shape, 128), 32
    tokens = torch.zeros(1, length, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        hidden = decoder(decoder.embed_tokens(tokens), positions(torch.zeros_like(tokens)), None)
        decoder.logits(hidden)
    counts = counter.get_flop_counts()["Global"]
    products = sum(count for name, count in counts.items() if "mm" in str(name) and "bmm" not in str(name))
    attention = 2 * shape.layers * shape.heads * shape.head_width * length
    assert products == (forward_flops(shape, 128, length) - attention) * length


@pytest.mark.parametrize("change", [{}, {"mlp_width": 100}, {"heads": 3, "kv_heads": 1, "head_width": 24}])
def test_fp8_takes_products_whose_sizes_are_multiples_of_16(change):
    shape = DecoderConfig.model_validate(
        {"width": 64, "layers": 2, "heads": 4, "kv_heads": 2, "head_width": 16, "mlp_width": 96, **change}
    )
    linears = [part for part in Decoder(shape, 128).layers.modules() if isinstance(part, nn.Linear)]
    taken = sum(2 * one.weight.numel() for one in linears if not (one.in_features % 16 or one.out_features % 16))
    assert fp8_share(shape, 128, 32) == pytest.approx(taken / forward_flops(shape, 128, 32))
    assert (taken == sum(2 * one.weight.numel() for one in linears)) == (not change)


def test_share_of_fp8_in_the_papers_sizes():
    """By hand for 1.4B: 24 blocks of 4 x 2,048^2 + 3 x 2,048 x 5,632 weights, of 2.87 GFLOP a token."""
    by_hand = 2 * 24 * (4 * 2048**2 + 3 * 2048 * 5632) / 2.874e9
    assert fp8_share(SIZES["1.4B"], VOCABULARY, 2048) == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize(("size", "gigaflops"), [("79M", 0.369), ("1.4B", 8.62), ("7B", 41.6)])
def test_work_of_the_papers_sizes(size, gigaflops):
    assert training_flops(SIZES[size], VOCABULARY, 2048) / 1e9 == pytest.approx(gigaflops, rel=0.01)


def test_memory_adds_up():
    one = memory(SIZES["1.4B"], VOCABULARY, 2048, microbatch=8)
    parameters = SIZES["1.4B"].parameters(VOCABULARY)
    assert one.weights + one.gradients + one.optimizer == pytest.approx(18 * parameters)
    eight = memory(SIZES["1.4B"], VOCABULARY, 2048, microbatch=8, shards=8)
    assert eight.optimizer == one.optimizer / 8
    assert eight.activations == one.activations
    less = memory(SIZES["1.4B"], VOCABULARY, 2048, microbatch=8, recompute=True)
    assert less.activations < one.activations / 5
    assert sum(one) == one.total
