"""Computes causal attention that never crosses a document boundary: one switch between two implementations.

On CUDA, FlexAttention skips whole blocks of the mask, so many short documents cost less than one long one. It is
compiled for each shape, which suits windows (all of one length) and not prompts (of any): for these, SDPA takes an
explicit mask. So it does on the CPU, where FlexAttention cannot be trained in torch 2.7, and for what is shorter than
one of its blocks. The explicit mask is also the reference in tests.

FlexAttention can hand the same mask to FlashAttention 4 instead of its own kernels. That is asked for by name, since
its backward pass adds up in an order that differs from run to run, and nobody has measured it here.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.torch_version import TorchVersion

from common.errors import InputError

FLEX_BLOCK = 128
"""Tokens of a side of the blocks that FlexAttention skips."""
SHAPES = 64
"""Batch sizes that FlexAttention is compiled for; beyond torch's own limit of 8 it would silently hold all scores."""
FLASH_TORCH = "2.11"
"""The oldest torch whose FlexAttention is known to train by FlashAttention 4 (package `flash-attn-4`)."""
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


def check_flash(on_gpu: bool) -> None:
    """Refuse FlashAttention 4 where it cannot run.

    Raises:
        InputError: torch, the package or the GPU does not allow it.
    """
    reason = ""
    if TorchVersion(torch.__version__) < FLASH_TORCH:
        reason = f"needs torch {FLASH_TORCH}, this is {torch.__version__}"
    elif not on_gpu or torch.cuda.get_device_capability() < (9, 0):
        reason = "needs a GPU of capability 9.0 or newer (H100)"
    elif find_spec("flash_attn") is None or find_spec("flash_attn.cute") is None:
        reason = "needs the package flash-attn-4"
    if reason:
        raise InputError(f"`flash` {reason}", field="attention", remedy="leave it out")


def attend(q_BNLH: Tensor, k_BKLH: Tensor, v_BKLH: Tensor, mask: Mask, *, flash: bool = False) -> Tensor:
    """Scaled dot-product attention; K key/value heads serve N query heads. Returns [B, N, L, H].

    `flash` asks FlexAttention for FlashAttention 4's kernels; other kinds of masks know nothing of it.
    """
    grouped = q_BNLH.shape[1] != k_BKLH.shape[1]
    if mask is None or isinstance(mask, Tensor):
        return functional.scaled_dot_product_attention(
            q_BNLH, k_BKLH, v_BKLH, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
        )
    from torch.nn.attention.flex_attention import flex_attention  # importing it costs seconds: only where it is used

    # In a compiled block it is compiled with it.
    flex = flex_attention if torch.compiler.is_compiling() else _compiled_alone(flex_attention)
    options = {"BACKEND": "FLASH"} if flash else None
    return cast(Tensor, flex(q_BNLH, k_BKLH, v_BKLH, block_mask=mask, enable_gqa=grouped, kernel_options=options))


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
