"""Computes what training costs, by arithmetic: operations of a token, and bytes on a GPU.

Multiplications and additions of matrix products are counted, once each, and attention by the pairs that the mask lets
see each other: half of the square for one causal document (attention counted once), less where packed documents are
hidden from each other. A run counts its pairs, so its MFU does not rise because documents are short. Backward costs
twice forward.
"""

from __future__ import annotations

from typing import NamedTuple

from train.config.decoder_config import DecoderConfig

H100_BF16 = 989e12
"""Dense bf16 operations a second of an H100 or H200 (SXM), by the data sheet."""
HEAD_CHUNK = 4096
"""Tokens whose logits exist at a time (`train.models.loss`)."""


def token_flops(decoder: DecoderConfig, vocabulary: int) -> float:
    """Operations of a forward pass, a token, the output head included and attention's scores left out."""
    attention = decoder.width * decoder.head_width * (2 * decoder.heads + 2 * decoder.kv_heads)
    block = 2 * (attention + 3 * decoder.width * decoder.mlp_width)
    return float(decoder.layers * block + 2 * decoder.width * vocabulary)


def pair_flops(decoder: DecoderConfig) -> float:
    """Operations of a forward pass, a pair of a token and one that it sees: query x key, and weight x value."""
    return float(decoder.layers * 4 * decoder.heads * decoder.head_width)


def fp8_share(decoder: DecoderConfig, vocabulary: int, length: int) -> float:
    """Share of a step's operations that `fp8` makes in 8 bits, for documents of `length` tokens.

    These are the products of the blocks (`train.models.fp8`). Attention's scores and the output head are not.
    """
    rounded, query, key = 0, decoder.heads * decoder.head_width, decoder.kv_heads * decoder.head_width
    width, mlp = decoder.width, decoder.mlp_width
    for sizes in ((width, query), (width, key), (width, key), (query, width), (width, mlp), (width, mlp), (mlp, width)):
        if fp8_takes(*sizes):
            rounded += 2 * sizes[0] * sizes[1]
    return decoder.layers * rounded / forward_flops(decoder, vocabulary, length)


def fp8_takes(into: int, out: int) -> bool:
    """Whether a product of these widths can run in fp8: its kernels take multiples of 16."""
    return into % 16 == 0 and out % 16 == 0


def forward_flops(decoder: DecoderConfig, vocabulary: int, length: int) -> float:
    """Operations of a forward pass, a token of a document of `length` tokens; the output head included."""
    return token_flops(decoder, vocabulary) + pair_flops(decoder) * length / 2


def training_flops(decoder: DecoderConfig, vocabulary: int, length: int) -> float:
    """Operations of forward and backward, a token. Recomputation is no work that the model needs: it does not count."""
    return 3.0 * forward_flops(decoder, vocabulary, length)


def work_done(decoder: DecoderConfig, vocabulary: int, tokens: int, attended: int) -> float:
    """Operations of forward and backward over `tokens` tokens and `attended` pairs (`schemas.run_log.Step`)."""
    return 3.0 * (tokens * token_flops(decoder, vocabulary) + attended * pair_flops(decoder))


class Memory(NamedTuple):
    """Bytes on one GPU."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    exchange: float = 0.0
    """What gradients are exchanged in: DDP's buckets, or whole gradients that FSDP adds up over micro-batches."""

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
    ranks: int | None = None,
    recompute: bool = False,
    reduce_every_microbatch: bool = False,
    loss_chunk: int = HEAD_CHUNK,
) -> Memory:
    """Bytes on each of `shards` GPUs that share a copy of the decoder, in bf16 with fp32 masters and AdamW.

    Weights, gradients and both moments are fp32 (16 bytes a parameter), divided by `shards`; a gathered block in bf16
    comes on top. Gradients are exchanged in fp32: several unsharded `ranks` copy them into DDP's buckets, sharded ones
    add them up whole over the micro-batches of a step, unless they exchange them after each. Activations are what
    backward needs of a block (inputs and outputs of its products, in bf16), or its input alone with `recompute`, plus
    one block in full.
    """
    parameters = decoder.parameters(vocabulary)
    share = 4.0 * parameters / shards
    largest = max((parameters - 2 * vocabulary * decoder.width) / decoder.layers, 2 * vocabulary * decoder.width)
    gathered = 2.0 * largest if shards > 1 else 2.0 * parameters  # autocast keeps a bf16 copy of what it used
    several = (ranks or shards) > 1 and not (shards > 1 and reduce_every_microbatch)
    tokens = microbatch * length
    heads = (2 * decoder.heads + 2 * decoder.kv_heads) * decoder.head_width
    full = 2.0 * tokens * (4 * decoder.width + heads + 3 * decoder.mlp_width)
    kept = 2.0 * tokens * decoder.width
    activations = decoder.layers * kept + full if recompute else decoder.layers * full
    chunk = min(loss_chunk, tokens)
    logits = 4.0 * 2 * chunk * vocabulary + 4.0 * vocabulary * decoder.width  # logits, their gradient, the head's
    return Memory(share + gathered, share, 2 * share, activations, logits, 4.0 * parameters * several)


class Tower(NamedTuple):
    """An image encoder's shape, as far as memory needs it."""

    width: int
    layers: int
    mlp_width: int
    tokens: int
    """Patches of an image."""

    @property
    def parameters(self) -> int:
        """Counts those of its blocks; positions and patches are small beside them."""
        return self.layers * (4 * self.width**2 + 2 * self.width * self.mlp_width)


SO400M = Tower(1152, 27, 4304, 729)
"""SigLIP so400m/14 at 384 px."""


def encoder_memory(
    tower: Tower, *, images: int, shards: int = 1, ranks: int = 1, trained: bool, compute_bytes: int = 2
) -> float:
    """Bytes of an encoder that sees `images` images at a time; backward needs nothing of one that is not trained.

    A phase's `freeze` is taken for not trained, though its gradients have a place in DDP's buckets (as zeros).
    """
    per_parameter = 4.0 * (4 if trained else 1) / shards + (compute_bytes if shards == 1 else 0)
    exchange = 4.0 if ranks > 1 else 0.0
    zeros = 0.0 if trained or shards > 1 else 4.0  # DDP's, for gradients that nobody computes
    of_block = 2.0 * images * tower.tokens * (8 * tower.width + 2 * tower.mlp_width)
    activations = of_block * (tower.layers if trained else 1)
    return tower.parameters * (per_parameter + exchange + zeros) + activations
