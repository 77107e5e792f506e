"""Cross-entropy with z-loss over the tokens that bear loss, in chunks.

The logits of a long sequence over a vocabulary of 50 k are the largest tensor of a small model by far. Here they exist
for one chunk at a time: the forward pass computes each chunk's gradient at once and keeps only what the size of the
hidden states needs, so backward is a multiplication. The z-loss (the squared log-partition, weighted) keeps logits
from drifting. Shapes: N tokens that bear loss, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 4096


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, z_loss: float) -> Any:
        tokens = max(1, hidden_ND.shape[0])
        gradient_ND = torch.empty_like(hidden_ND)
        gradient_VD = torch.zeros_like(weight_VD, dtype=torch.float32)
        nll_N = torch.empty(hidden_ND.shape[0], dtype=torch.float32, device=hidden_ND.device)
        penalty = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        head_VD = weight_VD.to(hidden_ND.dtype)
        for start in range(0, hidden_ND.shape[0], CHUNK):
            chunk = slice(start, start + CHUNK)
            logits_CV = (hidden_ND[chunk] @ head_VD.t()).float()
            log_partition_C = logits_CV.logsumexp(dim=-1)
            target_C1 = targets_N[chunk, None]
            nll_N[chunk] = log_partition_C - logits_CV.gather(1, target_C1).squeeze(1)
            penalty += log_partition_C.square().sum()
            scores_CV = logits_CV.sub_(log_partition_C[:, None]).exp_()
            scores_CV.mul_((1 + 2 * z_loss * log_partition_C)[:, None])
            scores_CV.scatter_add_(1, target_C1, torch.full_like(target_C1, -1, dtype=torch.float32))
            scores_CV.div_(tokens)
            scores_in_type = scores_CV.to(hidden_ND.dtype)
            gradient_ND[chunk] = scores_in_type @ head_VD
            gradient_VD += (scores_in_type.t() @ hidden_ND[chunk]).float()
        ctx.save_for_backward(gradient_ND, gradient_VD.to(weight_VD.dtype))
        loss = (nll_N.sum() + z_loss * penalty) / tokens
        ctx.mark_non_differentiable(nll_N)
        return loss, nll_N

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient_ND, gradient_VD = ctx.saved_tensors
        scale = gradients[0]
        return gradient_ND * scale.to(gradient_ND.dtype), gradient_VD * scale.to(gradient_VD.dtype), None, None


def cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, z_loss: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Mean loss over N tokens, and the cross-entropy (without z-loss, detached) of each token in nats.

    N may be 0 (a micro-batch of padding): the loss is 0 and still part of the graph, so that no rank waits for
    gradients that never come.
    """
    return _ChunkedCrossEntropy.apply(hidden_ND, weight_VD, targets_N, z_loss)  # type: ignore[no-any-return]
