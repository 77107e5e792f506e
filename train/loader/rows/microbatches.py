"""Cuts a rank's rows of a step into equally many micro-batches on every rank.

The run's last step may give ranks one row more or less. With sharded weights a rank that has finished would leave the
others waiting for its part of a block, so it runs idle micro-batches instead: a row that bears no loss, hence weighs
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from train.loader.rows.batch import Batch, idle, split_batch


class Microbatches:
    """Composer's `split_batch`, for ranks that hold at most `rows` rows of a step."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __call__(self, batch: Batch, size: int | float) -> Sequence[Batch]:
        parts = list(split_batch(batch, size))
        missing = -(-self.rows // int(size)) - len(parts)
        return parts + [idle(batch)] * missing
