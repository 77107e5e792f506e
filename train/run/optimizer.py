"""Builds AdamW with decoupled weight decay on matrices alone.

Norms, biases and embeddings (of ids, positions and a tower's class token) are left out of the decay: a norm's scale
and an embedding row that is seldom seen have nothing to be regularised by. Decay is proportional to the scheduled
learning rate.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import AdamW

from train.config.run_config import OptimizerConfig


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay applies to the parameter called `name`."""
    return parameter.ndim >= 2 and not any(part in name for part in ("token", "lm_head", "position", "norm"))


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> AdamW:
    """Optimizer over the trained parameters; its learning rate is set before every step
    (`train.callbacks.learning_rate`)."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for name, p in trained if decays(name, p)], "weight_decay": config.weight_decay},
        {"params": [p for name, p in trained if not decays(name, p)], "weight_decay": 0.0},
    ]
    # One kernel for all parameters: at 79 M and below, launching one for each is what a step waits for.
    return AdamW(groups, lr=0.0, betas=config.betas, eps=config.eps, fused=torch.cuda.is_available())
