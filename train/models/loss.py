"""Computes cross-entropy with z-loss over the tokens that bear loss, in chunks.

The logits of a long sequence over a vocabulary of 50 k are the largest tensor of a small model by far. Here they exist
for one chunk at a time: the forward pass computes each chunk's gradient at once and keeps only what the size of the
hidden states needs, so backward is a multiplication. The z-loss (the squared log-partition, weighted) keeps logits
from drifting. Shapes: N tokens that bear loss, C of a chunk, D width, V vocabulary.

What is done to a chunk's logits moves them through memory, again and again if each operation is a kernel of its own: on
an H200 that took 62 % of a step of the 79M model. There the operations are compiled into two passes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

CHUNK = 4096
"""Tokens whose logits exist at a time, where nothing else is said."""
_Chunk = tuple[Tensor, Tensor, Tensor, Tensor]
"""Of a chunk: cross-entropy [C], sum of squared log-partitions, gradients of the hidden states and of the head."""


def _likelihood(hidden_CD: Tensor, head_VD: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [C, V] in fp32, their log-partition [C], and the cross-entropy [C]."""
    logits_CV = (hidden_CD @ head_VD.t()).float()
    log_partition_C = logits_CV.logsumexp(dim=-1)
    return logits_CV, log_partition_C, log_partition_C - logits_CV.gather(1, targets_C[:, None]).squeeze(1)


def _in_place(hidden_CD: Tensor, head_VD: Tensor, targets_C: Tensor, z_loss: float, tokens: Tensor) -> _Chunk:
    """One buffer for logits and their gradient: what a CPU does fastest, an operation at a time."""
    logits_CV, log_partition_C, nll_C = _likelihood(hidden_CD, head_VD, targets_C)
    scores_CV = logits_CV.sub_(log_partition_C[:, None]).exp_()
    scores_CV.mul_((1 + 2 * z_loss * log_partition_C)[:, None])
    target_C1 = targets_C[:, None]
    scores_CV.scatter_add_(1, target_C1, torch.full_like(target_C1, -1, dtype=torch.float32))
    scores_in_type = scores_CV.div_(tokens).to(hidden_CD.dtype)
    return nll_C, log_partition_C.square().sum(), scores_in_type @ head_VD, scores_in_type.t() @ hidden_CD


def _fused(hidden_CD: Tensor, head_VD: Tensor, targets_C: Tensor, z_loss: float, tokens: Tensor) -> _Chunk:
    """The same without a scatter, so that a compiler makes one pass of all that follows the log-partition."""
    logits_CV, log_partition_C, nll_C = _likelihood(hidden_CD, head_VD, targets_C)
    weighted_CV = (logits_CV - log_partition_C[:, None]).exp() * (1 + 2 * z_loss * log_partition_C)[:, None]
    is_target_CV = torch.arange(head_VD.shape[0], device=head_VD.device) == targets_C[:, None]
    scores_in_type = ((weighted_CV - is_target_CV.float()) / tokens).to(hidden_CD.dtype)
    return nll_C, log_partition_C.square().sum(), scores_in_type @ head_VD, scores_in_type.t() @ hidden_CD


@cache
def _compiled() -> Callable[..., _Chunk]:
    return torch.compile(_fused)


def _product_type(hidden_ND: Tensor) -> torch.dtype:
    """Returns the type that autocast would multiply in, so that the head is cast once, not for each chunk."""
    kind = hidden_ND.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_ND.dtype


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, z_loss: float, chunk: int) -> Any:
        device, kind = hidden_ND.device, _product_type(hidden_ND)
        chunked = _compiled() if hidden_ND.is_cuda else _in_place
        tokens = torch.full((), max(1, hidden_ND.shape[0]), dtype=torch.float32, device=device)
        gradient_ND = torch.empty_like(hidden_ND)
        gradient_VD = torch.zeros_like(weight_VD, dtype=torch.float32)
        nll_N = torch.empty(hidden_ND.shape[0], dtype=torch.float32, device=device)
        penalty = torch.zeros((), dtype=torch.float32, device=device)
        with torch.autocast(device.type, enabled=False):
            head_VD = weight_VD.to(kind)
            for start in range(0, hidden_ND.shape[0], chunk):
                cut = slice(start, start + chunk)
                of_chunk = chunked(hidden_ND[cut].to(kind), head_VD, targets_N[cut], z_loss, tokens)
                nll_N[cut], squares, gradient_ND[cut], of_head_VD = of_chunk
                penalty += squares
                gradient_VD += of_head_VD
        ctx.save_for_backward(gradient_ND, gradient_VD.to(weight_VD.dtype))
        loss = (nll_N.sum() + z_loss * penalty) / tokens
        ctx.mark_non_differentiable(nll_N)
        return loss, nll_N

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient_ND, gradient_VD = ctx.saved_tensors
        scale = gradients[0]
        return gradient_ND * scale.to(gradient_ND.dtype), gradient_VD * scale.to(gradient_VD.dtype), None, None, None


def _without_gradients(
    hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, z_loss: float, chunk: int
) -> tuple[Tensor, Tensor]:
    """The same numbers for a third of the products."""
    kind = _product_type(hidden_ND)
    nll_N = torch.empty(hidden_ND.shape[0], dtype=torch.float32, device=hidden_ND.device)
    penalty = nll_N.new_zeros(())
    with torch.autocast(hidden_ND.device.type, enabled=False):
        head_VD = weight_VD.to(kind)
        for start in range(0, hidden_ND.shape[0], chunk):
            cut = slice(start, start + chunk)
            _, log_partition_C, nll_N[cut] = _likelihood(hidden_ND[cut].to(kind), head_VD, targets_N[cut])
            penalty += log_partition_C.square().sum()
    return (nll_N.sum() + z_loss * penalty) / max(1, hidden_ND.shape[0]), nll_N


def cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, z_loss: float = 0.0, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """Mean loss over N tokens, and the cross-entropy (without z-loss, detached) of each in nats; `chunk` at a time.

    N may be 0 (a micro-batch of padding): the loss is 0 and still part of the graph, so that no rank waits for
    gradients that never come.
    """
    if not torch.is_grad_enabled():
        return _without_gradients(hidden_ND, weight_VD, targets_N, z_loss, chunk)
    return _ChunkedCrossEntropy.apply(hidden_ND, weight_VD, targets_N, z_loss, chunk)  # type: ignore[no-any-return]
