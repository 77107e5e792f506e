"""Computes causal attention that never crosses a document boundary: one switch between two implementations.

On CUDA, FlexAttention skips whole blocks of the mask, so many short documents cost less than one long one. It is
compiled for each shape, which suits windows (all of one length) and not prompts (of any): for these, SDPA takes an
explicit mask. So it does on the CPU, where FlexAttention cannot be trained in torch 2.7, and for what is shorter than
one of its blocks. The explicit mask is also the reference in tests.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

FLEX_BLOCK = 128
"""Tokens of a side of the blocks that FlexAttention skips."""
SHAPES = 64
"""Batch sizes that FlexAttention is compiled for; beyond torch's own limit of 8 it would silently hold all scores."""
Mask = Any
"""A bool tensor [B, 1, L, L] (True: may attend), a FlexAttention `BlockMask`, or None for plain causal attention."""


def document_mask(documents_BL: Tensor, *, prompts: bool = False) -> Mask:
    """The mask under which a token sees itself and the earlier tokens of its own document.

    Args:
        documents_BL: number of each token's document.
        prompts: whether L changes from batch to batch.
    """
    length = documents_BL.shape[1]
    if documents_BL.is_cuda and length >= FLEX_BLOCK and not prompts:
        return _block_mask(documents_BL)
    causal_LL = torch.ones(length, length, dtype=torch.bool, device=documents_BL.device).tril()
    return (documents_BL[:, None, :, None] == documents_BL[:, None, None, :]) & causal_LL


def attend(q_BNLH: Tensor, k_BKLH: Tensor, v_BKLH: Tensor, mask: Mask) -> Tensor:
    """Scaled dot-product attention; K key/value heads serve N query heads. Returns [B, N, L, H]."""
    grouped = q_BNLH.shape[1] != k_BKLH.shape[1]
    if mask is None or isinstance(mask, Tensor):
        return functional.scaled_dot_product_attention(
            q_BNLH, k_BKLH, v_BKLH, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
        )
    from torch.nn.attention.flex_attention import flex_attention  # importing it costs seconds: only where it is used

    # In a compiled block it is compiled with it.
    flex = flex_attention if torch.compiler.is_compiling() else _compiled_alone(flex_attention)
    return cast(Tensor, flex(q_BNLH, k_BKLH, v_BKLH, block_mask=mask, enable_gqa=grouped))


@cache
def _compiled_alone(function: Any) -> Any:
    dynamo = torch._dynamo.config
    dynamo.recompile_limit = max(dynamo.recompile_limit, SHAPES)
    return torch.compile(function, dynamic=False)


def _block_mask(documents_BL: Tensor) -> Mask:
    from torch.nn.attention.flex_attention import create_block_mask

    def same_document(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents_BL[batch, query] == documents_BL[batch, key])

    rows, length = documents_BL.shape
    return _compiled_alone(create_block_mask)(same_document, rows, None, length, length, device=documents_BL.device)
