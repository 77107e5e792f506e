"""The arithmetic of a step, against what PyTorch counts and what was worked out by hand."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from train.config.decoder_config import SIZES, DecoderConfig
from train.models.cost import forward_flops, memory, training_flops
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
