"""Computes what training costs, by arithmetic: operations of a token, and bytes on a GPU.

Multiplications and additions of matrix products are counted, once each, and causal attention at half of the square
that it would be without a mask (attention counted once). Backward costs twice forward. Packed documents make attention
cheaper still; that saving is not taken into account, so MFU does not rise because documents are short.
"""

from __future__ import annotations

from typing import NamedTuple

from train.config.decoder_config import DecoderConfig

H100_BF16 = 989e12
"""Dense bf16 operations a second of an H100 or H200 (SXM), by the data sheet."""
HEAD_CHUNK = 4096
"""Tokens whose logits exist at a time (`train.models.loss`)."""


def forward_flops(decoder: DecoderConfig, vocabulary: int, length: int) -> float:
    """Operations of a forward pass, a token of a sequence of `length` tokens; the output head included."""
    attention = decoder.width * decoder.head_width * (2 * decoder.heads + 2 * decoder.kv_heads)
    block = 2 * (attention + 3 * decoder.width * decoder.mlp_width)
    scores = 2 * decoder.heads * decoder.head_width * length  # queries x keys and weights x values, half of each
    return float(decoder.layers * (block + scores) + 2 * decoder.width * vocabulary)


def training_flops(decoder: DecoderConfig, vocabulary: int, length: int) -> float:
    """Operations of forward and backward, a token. Recomputation is no work that the model needs: it does not count."""
    return 3.0 * forward_flops(decoder, vocabulary, length)


class Memory(NamedTuple):
    """Bytes on one GPU."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """All of them; add the CUDA context and fragmentation, 1-3 GB."""
        return sum(self)


def memory(
    decoder: DecoderConfig,
    vocabulary: int,
    length: int,
    *,
    microbatch: int,
    shards: int = 1,
    recompute: bool = False,
) -> Memory:
    """Bytes on each of `shards` GPUs that share a copy of the decoder, in bf16 with fp32 masters and AdamW.

    Weights, gradients and both moments are fp32 (16 bytes a parameter), divided by `shards`; a gathered block in bf16
    comes on top. Activations are what backward needs of a block (inputs and outputs of its products, in bf16), or its
    input alone with `recompute`, plus one block in full.
    """
    parameters = decoder.parameters(vocabulary)
    share = 4.0 * parameters / shards
    largest = max((parameters - 2 * vocabulary * decoder.width) / decoder.layers, 2 * vocabulary * decoder.width)
    gathered = 2.0 * largest if shards > 1 else 2.0 * parameters  # autocast keeps a bf16 copy of what it used
    tokens = microbatch * length
    heads = (2 * decoder.heads + 2 * decoder.kv_heads) * decoder.head_width
    full = 2.0 * tokens * (4 * decoder.width + heads + 3 * decoder.mlp_width)
    kept = 2.0 * tokens * decoder.width
    activations = decoder.layers * kept + full if recompute else decoder.layers * full
    chunk = min(HEAD_CHUNK, tokens)
    logits = 4.0 * 2 * chunk * vocabulary + 4.0 * vocabulary * decoder.width  # logits, their gradient, the head's
    return Memory(share + gathered, share, 2 * share, activations, logits)
