"""Computes the loss of each row of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from train.loader.rows.batch import Batch
from train.models.sharding import scatter_again
from train.models.vlm import VisionLanguageModel


def row_losses(
    model: VisionLanguageModel, batches: Iterable[Batch], on_device: Callable[[Batch], Batch]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Computes for each batch [B], on the model's device, cross-entropy in nats summed over a row's tokens, and their
    number.

    The model is left in the mode that it was in, and sharded if it was.
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                placed = on_device(batch)
                nll, (rows, length) = model(placed).nll.double(), placed["input_ids"].shape
                row_of = placed["loss_index"] // length
                sums = nll.new_zeros(rows).index_add_(0, row_of, nll)
                yield sums, torch.bincount(row_of, minlength=rows)
    finally:
        scatter_again(model)
        model.train(training)
