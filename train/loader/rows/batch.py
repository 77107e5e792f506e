"""Holds a batch of packed rows with their images, and answers the three questions that Composer asks about it.

Composer's default split cuts every tensor by rows and would silently drop images: rows have different numbers of
them. Here a row keeps its images through every split, and the indices of loss-bearing tokens are made on the
CPU, once for each micro-batch, so that no GPU has to wait to learn how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

IGNORED = -100
"""Label of a position whose prediction bears no loss."""


class Batch(TypedDict):
    """Rows of one rank: all of a step (from the loader), or a micro-batch (from `split_batch`)."""

    input_ids: Tensor
    """int64 [B, L]."""
    labels: Tensor
    """int64 [B, L]: the id that each position should predict, or `IGNORED`."""
    pixels: Tensor
    """uint8 [N, 3, size, size]: the images of all rows, in reading order."""
    images_per_row: Tensor
    """int64 [B], sums to N."""
    sources: Tensor
    """int64 [B]: index of the source in the schedule."""
    samples: Tensor
    """int64 [B]: number of the sample within its source."""
    positions: Tensor
    """int64 [B]: place in the run, in samples since its start."""
    real_tokens: Tensor
    """int64 [B]: ids that are not padding, visual ones included."""
    tokens: int
    """Sum of `real_tokens`, on the host: Composer asks in every micro-batch, and no GPU should wait to say it."""
    loss_index: Tensor
    """int64 [M]: flat positions (row x L + column) that bear loss."""
    loss_targets: Tensor
    """int64 [M]: their labels."""


def make_batch(
    input_ids: Tensor,
    labels: Tensor,
    pixels: Tensor,
    images_per_row: Tensor,
    sources: Tensor,
    samples: Tensor,
    positions: Tensor,
    real_tokens: Tensor,
) -> Batch:
    """Complete a batch by what follows from its labels."""
    flat = labels.flatten()
    loss_index = (flat != IGNORED).nonzero().squeeze(1)
    return Batch(
        input_ids=input_ids,
        labels=labels,
        pixels=pixels,
        images_per_row=images_per_row,
        sources=sources,
        samples=samples,
        positions=positions,
        real_tokens=real_tokens,
        tokens=int(real_tokens.sum()),
        loss_index=loss_index,
        loss_targets=flat[loss_index],
    )


def split_batch(batch: Batch, microbatch_size: int | float) -> Sequence[Batch]:
    """Micro-batches of `microbatch_size` rows (the last may be smaller), each with its own rows' images."""
    rows, size = batch["input_ids"].shape[0], int(microbatch_size)
    if rows <= size:
        return [batch]
    first_image = torch.cat((torch.zeros(1, dtype=torch.int64), batch["images_per_row"].cumsum(0))).tolist()
    parts = []
    for start in range(0, rows, size):
        part = slice(start, min(start + size, rows))
        parts.append(
            make_batch(
                input_ids=batch["input_ids"][part],
                labels=batch["labels"][part],
                pixels=batch["pixels"][first_image[part.start] : first_image[part.stop]],
                images_per_row=batch["images_per_row"][part],
                sources=batch["sources"][part],
                samples=batch["samples"][part],
                positions=batch["positions"][part],
                real_tokens=batch["real_tokens"][part],
            )
        )
    return parts


def samples_in_batch(batch: Batch) -> int:
    """Rows: the unit of the schedule's positions."""
    return batch["input_ids"].shape[0]


_NONE = 1e-30
"""Weight of a micro-batch without a target: nothing beside a token, and no division by zero where all are like it."""


def tokens_in_batch(batch: Batch) -> dict[str, float]:
    """`total`: ids that are not padding (visual ones included); `loss_generating`: those that bear loss, as targets."""
    return {"total": batch["tokens"], "loss_generating": float(batch["loss_index"].shape[0]) or _NONE}


def idle(batch: Batch) -> Batch:
    """One row of `batch`, without its images and without loss."""
    return make_batch(
        input_ids=batch["input_ids"][:1],
        labels=torch.full_like(batch["labels"][:1], IGNORED),
        pixels=batch["pixels"][:0],
        images_per_row=torch.zeros_like(batch["images_per_row"][:1]),
        sources=batch["sources"][:1],
        samples=batch["samples"][:1],
        positions=batch["positions"][:1],
        real_tokens=batch["real_tokens"][:1],
    )
