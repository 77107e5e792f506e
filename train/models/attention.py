"""Causal attention that never crosses a document boundary: one switch between two implementations.

On CUDA, FlexAttention skips whole blocks of the mask, so many short documents cost less than one long one. Its compiled
training does not work on CPU in torch 2.7; there SDPA takes an explicit mask, which is also the reference in tests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

Mask = Any
"""A bool tensor [B, 1, L, L] (True: may attend), a FlexAttention `BlockMask`, or None for plain causal attention."""


def document_mask(documents_BL: Tensor) -> Mask:
    """The mask under which a token sees itself and the earlier tokens of its own document."""
    if documents_BL.is_cuda:
        return _block_mask(documents_BL)
    length = documents_BL.shape[1]
    causal_LL = torch.ones(length, length, dtype=torch.bool, device=documents_BL.device).tril()
    return (documents_BL[:, None, :, None] == documents_BL[:, None, None, :]) & causal_LL


def attend(q_BNLH: Tensor, k_BKLH: Tensor, v_BKLH: Tensor, mask: Mask) -> Tensor:
    """Scaled dot-product attention; K key/value heads serve N query heads. Returns [B, N, L, H]."""
    grouped = q_BNLH.shape[1] != k_BKLH.shape[1]
    if mask is None or isinstance(mask, Tensor):
        return functional.scaled_dot_product_attention(
            q_BNLH, k_BKLH, v_BKLH, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
        )
    return _flex()(q_BNLH, k_BKLH, v_BKLH, block_mask=mask, enable_gqa=grouped)


@cache
def _flex() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention  # compiling costs seconds: only where it is used

    compiled: Callable[..., Tensor] = torch.compile(cast(Any, flex_attention), dynamic=False)
    return compiled


@cache
def _block_mask_builder() -> Callable[..., Mask]:
    from torch.nn.attention.flex_attention import create_block_mask

    return torch.compile(create_block_mask, dynamic=False)


def _block_mask(documents_BL: Tensor) -> Mask:
    def same_document(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents_BL[batch, query] == documents_BL[batch, key])

    rows, length = documents_BL.shape
    return _block_mask_builder()(same_document, rows, None, length, length, device=documents_BL.device)
