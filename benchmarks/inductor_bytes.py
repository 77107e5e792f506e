"""Counts the bytes that forms of a decoder block and of the loss move through memory, as torch's inductor counts them.

    python benchmarks/inductor_bytes.py             # on a CPU: a minute; no GPU is needed

Inductor adds up what each kernel of the code that it generates reads and writes, forward and backward. Bytes grow with
the tokens along a straight line (weights are its constant part), so they are counted at two small numbers of tokens and
taken along the line to a micro-batch of the paper's 1.4B model. What a GPU's caches save is not in it, and a CPU's code
is fused by the same scheduler but not by the same backend: modelled, not measured. Attention is a kernel of its own
here as there, and alike in all forms.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch._inductor import metrics  # noqa: E402
from torch._inductor.graph import GraphLowering  # noqa: E402
from torch.nn import functional  # noqa: E402

from train.config.decoder_config import SIZES, DecoderConfig  # noqa: E402
from train.models import loss  # noqa: E402
from train.models.attention import attend  # noqa: E402
from train.models.decoder import Attention, Block  # noqa: E402
from train.models.rope import RotaryPositions, rotate  # noqa: E402

VOCABULARY = 50_432
TOKENS = 8 * 2048
"""Of the micro-batch that the counts are taken to."""


class FusedAttention(Attention):
    """Attention whose queries, keys and values are one product with their weights side by side."""

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: object) -> Tensor:
        rows, length, _ = x.shape
        weights = [self.q_proj.weight, self.k_proj.weight, self.v_proj.weight]
        parts = functional.linear(x, torch.cat(weights)).split([len(weight) for weight in weights], -1)
        q, k, v = (part.view(rows, length, -1, self.head_width) for part in parts)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = (rotate(part.transpose(1, 2), cosine, sine) for part in (q, k))
        out = attend(q, k, v.transpose(1, 2), mask)
        return self.o_proj(out.transpose(1, 2).reshape(rows, length, -1))


def block_of(config: DecoderConfig, *, qkv: bool = False, gate: bool = False) -> Block:
    """The decoder's block, with these products fused."""
    torch.manual_seed(0)
    block = Block(config)
    if qkv:
        block.self_attn.__class__ = FusedAttention
    block.mlp.fused = gate
    return block


def block_pass(block: Block, tokens: int, residual: torch.dtype, *, mixed: bool = True) -> list[Tensor]:
    """Output and gradients of a forward and backward pass over a row of `tokens` tokens, `mixed`: under autocast."""
    torch.manual_seed(1)
    x = torch.randn(1, tokens, len(block.input_layernorm.weight)).to(residual).requires_grad_()
    cosine, sine = RotaryPositions(block.self_attn.head_width, 10_000.0)(torch.arange(tokens)[None])
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        out = block(x, cosine, sine, None)
    return [out, *torch.autograd.grad(out, (x, *block.parameters()), torch.cos(x.detach()))]


def apart(config: DecoderConfig, **fused: bool) -> float:
    """Largest relative difference that fusing makes to output and gradients of a small block in fp32."""
    small = config.model_copy(update={"width": 64, "heads": 4, "kv_heads": 2, "head_width": 16, "mlp_width": 96})
    one, other = (block_pass(block_of(small, **how), 48, torch.float32, mixed=False) for how in ({}, fused))
    return max(float((a - b).norm() / b.norm()) for a, b in zip(other, one, strict=True))


def not_compiled(graph: GraphLowering) -> SimpleNamespace:
    """Plans and writes the kernels of `graph`, which is what is counted, and then runs its operations one by one."""
    graph.codegen()
    return SimpleNamespace(call=lambda arguments: list(graph.module(*arguments)))


def counted(run: Callable[[], object]) -> int:
    """Bytes of the kernels that inductor plans for `run`; a C++ compiler would take minutes and change none."""
    torch._dynamo.reset()
    metrics.reset()
    caches = torch._inductor.config.patch(fx_graph_cache=False)
    with caches, mock.patch.object(GraphLowering, "compile_to_module", not_compiled):
        run()
    assert metrics.num_bytes_accessed > 0
    return int(metrics.num_bytes_accessed)


def along_the_line(count: Callable[[int], int], tokens: int, small: tuple[int, int] = (128, 256)) -> float:
    """The count at `tokens`, from those at two small numbers of tokens."""
    one, other = (count(number) for number in small)
    slope = (other - one) / (small[1] - small[0])
    return one + slope * (tokens - small[0])


def block_bytes(config: DecoderConfig, residual: torch.dtype, *, qkv: bool = False, gate: bool = False) -> float:
    """Bytes of a block for `TOKENS` tokens."""

    def count(tokens: int) -> int:
        block = block_of(config, qkv=qkv, gate=gate)
        block.compile(dynamic=False)
        return counted(lambda: block_pass(block, tokens, residual))

    return along_the_line(count, TOKENS)


def loss_bytes(config: DecoderConfig, chunk: int) -> float:
    """Bytes of the loss of `TOKENS` tokens by chunks of `chunk`, the sum of the head's gradients included."""
    head = torch.randn(VOCABULARY, config.width, dtype=torch.bfloat16)

    def count(tokens: int) -> int:
        hidden = torch.randn(tokens, config.width, dtype=torch.bfloat16)
        compiled = torch.compile(loss._fused, dynamic=False)
        return counted(
            lambda: compiled(hidden, head, torch.zeros(tokens, dtype=torch.int64), 1e-4, torch.tensor(float(tokens)))
        )

    of_chunk = along_the_line(count, chunk, (32, 64)) + VOCABULARY * config.width * (2 + 4 + 4)  # read, read, written
    return of_chunk * TOKENS / chunk


def main() -> int:
    """Counts all forms and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="1.4B")
    parser.add_argument("--bandwidth", type=float, default=4.08e12, help="bytes a second (default: 85 %% of an H200's)")
    config = SIZES[(args := parser.parse_args()).size]
    torch.set_num_threads(1)
    bf16, fp32 = torch.bfloat16, torch.float32
    print(f"torch {torch.__version__}, {args.size}, {TOKENS:,} tokens; modelled, not measured\n")
    print("| form | GB | against the first | ms less at that bandwidth, all blocks, a micro-batch |\n|---|---|---|---|")
    forms: dict[str, list[tuple[str, Callable[[], float], int]]] = {
        "block": [
            ("block as it is", lambda: block_bytes(config, bf16), config.layers),
            ("block, q, k and v one product", lambda: block_bytes(config, bf16, qkv=True), config.layers),
            ("block, gate and up one product", lambda: block_bytes(config, bf16, gate=True), config.layers),
            ("block, residual stream in fp32", lambda: block_bytes(config, fp32), config.layers),
        ],
        "loss": [
            (f"loss, chunks of {chunk}", lambda chunk=chunk: loss_bytes(config, chunk), 1)  # type: ignore[misc]
            for chunk in (4096, 16384)
        ],
    }
    differs = max(apart(config, qkv=True), apart(config, gate=True))
    for cases in forms.values():
        first = None
        for name, count, times in cases:
            found = count()
            first = first or found
            less = (first - found) * times / args.bandwidth * 1e3
            print(f"| {name} | {found / 1e9:.3f} | {found / first - 1:+.1%} | {less:.2f} |", flush=True)
    print(f"\nFused products change outputs and gradients in fp32 by at most {differs:.1e} of their norm.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
