"""Computes the log-probability of every choice under the model; the likeliest one is the model's answer.

Prompts are sorted by length and padded on the right, where causal attention never looks, so neither the batch size nor
the company a prompt keeps has a say in its score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.evaluation.prompts import Prompt


class Model(Protocol):
    """Scores ids [B, L] and the uint8 pixels of their images as [B, L, vocabulary] in fp32."""

    def logits(self, input_ids_BL: Tensor, pixels_NCHW: Tensor, /) -> Tensor: ...


Pixels = Callable[[int], NDArray[np.uint8]]
"""Question number -> pixels [images, 3, size, size] (0 or 1 image)."""


class Likelihood(NamedTuple):
    """Holds the likelihood of one choice."""

    log_probability: float
    """Sum over the choice's ids, in nats."""
    greedy: bool
    """Whether each of its ids was the likeliest at its place."""


@torch.inference_mode()
def likelihoods(
    model: Model, prompts: Sequence[Prompt], pixels: Pixels, *, device: torch.device, pad_id: int, batch_size: int
) -> dict[tuple[int, int], Likelihood]:
    """The likelihood of every prompt's choice, by (question, choice)."""
    found: dict[tuple[int, int], Likelihood] = {}
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].ids))
    for start in range(0, len(order), batch_size):
        part = [prompts[i] for i in order[start : start + batch_size]]
        longest = max(len(prompt.ids) for prompt in part)
        ids = torch.tensor([prompt.ids + [pad_id] * (longest - len(prompt.ids)) for prompt in part])
        images = torch.from_numpy(np.concatenate([pixels(prompt.question) for prompt in part]))
        logits_BLV = model.logits(ids.to(device), images.to(device))
        for prompt, logits_LV in zip(part, logits_BLV, strict=True):
            end, length = len(prompt.ids), prompt.choice_length
            log_probabilities = logits_LV[end - length - 1 : end - 1].log_softmax(-1)
            targets = torch.tensor(prompt.ids[end - length :], device=device)
            total = log_probabilities.gather(1, targets[:, None]).sum().item()
            greedy = bool((log_probabilities.argmax(-1) == targets).all())
            found[prompt.question, prompt.choice] = Likelihood(total, greedy)
    return found


def score(
    model: Model, prompts: Sequence[Prompt], pixels: Pixels, *, device: torch.device, pad_id: int, batch_size: int
) -> dict[tuple[int, int], float]:
    """Sum of log-probabilities (nats) of the choice's ids, by (question, choice)."""
    found = likelihoods(model, prompts, pixels, device=device, pad_id=pad_id, batch_size=batch_size)
    return {key: one.log_probability for key, one in found.items()}
