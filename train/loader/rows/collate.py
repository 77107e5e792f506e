"""Collates rows into a batch: sequences are stacked, images of all rows are concatenated because rows have different
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from train.loader.rows.batch import Batch, make_batch
from train.loader.rows.decode import Row


def collate(rows: Sequence[Row]) -> Batch:
    """Stack rows; never changes their number, which Composer's cursor counts on."""
    return make_batch(
        input_ids=torch.from_numpy(np.stack([row.tokens for row in rows])),
        labels=torch.from_numpy(np.stack([row.labels for row in rows])),
        pixels=torch.from_numpy(np.concatenate([row.pixels for row in rows])),
        images_per_row=torch.tensor([len(row.pixels) for row in rows]),
        sources=torch.tensor([row.source for row in rows]),
        samples=torch.tensor([row.sample for row in rows]),
        positions=torch.tensor([row.position for row in rows]),
        real_tokens=torch.tensor([row.real_tokens for row in rows]),
    )
