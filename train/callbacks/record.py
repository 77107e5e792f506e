"""The facts of a step, agreed by all ranks: loss, tokens and samples by source, and images.

Everything that is logged or audited, and whether the encoder was used at all, comes from one vector, summed over ranks
in a single all-reduce a step, before the optimizer acts. Sums are kept in float64: counts stay exact.
"""

from __future__ import annotations

from typing import cast

import torch
from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist
from torch import Tensor

from schemas.schedule import Schedule
from train.models.vlm import Outputs


class StepRecord(Callback):
    """Facts of the current step. Lists are by source, in the schedule's order.

    Must stand first among the callbacks: the others read what it has gathered.
    """

    def __init__(self, schedule: Schedule, seen: dict[str, int] | None = None) -> None:
        self.schedule = schedule
        self.seen = [(seen or {}).get(source.name, 0) for source in schedule.sources]
        """Samples of each source since the run's start: counted, and carried from checkpoint to checkpoint."""
        self.start = 0
        """Position of the step's first sample."""
        self.loss_sums: list[float] = []
        """Cross-entropy in nats, summed over loss-bearing tokens."""
        self.loss_tokens: list[int] = []
        self.samples: list[int] = []
        self.images = 0
        self.real_tokens = 0
        """Tokens of the step that are not padding, visual ones included."""
        self._sums: Tensor

    def batch_start(self, state: State, logger: Logger) -> None:
        self.start = int(state.timestamp.sample)
        count = len(self.schedule.sources)
        self._sums = torch.zeros(3, count, dtype=torch.float64)
        self._sums[2] = torch.bincount(state.batch["sources"].cpu(), minlength=count)
        self._images = int(state.batch["images_per_row"].sum())
        self._real = int(state.batch["real_tokens"].sum())
        self._sums = state.device.tensor_to_device(self._sums)

    def after_loss(self, state: State, logger: Logger) -> None:
        """Once for each micro-batch."""
        batch, nll = state.batch, cast(Outputs, state.outputs).nll.double()
        source_of_token = batch["sources"][batch["loss_index"] // batch["input_ids"].shape[1]]
        self._sums[0].index_add_(0, source_of_token, nll)
        self._sums[1].index_add_(0, source_of_token, torch.ones_like(nll))

    def after_train_batch(self, state: State, logger: Logger) -> None:
        rest = self._sums.new_tensor([self._images, self._real])
        everything = torch.cat((self._sums.flatten(), rest))
        if dist.get_world_size() > 1:
            dist.all_reduce(everything)
        count = len(self.schedule.sources)
        values = everything.tolist()
        self.loss_sums = values[:count]
        self.loss_tokens = [int(v) for v in values[count : 2 * count]]
        self.samples = [int(v) for v in values[2 * count : 3 * count]]
        self.seen = [before + now for before, now in zip(self.seen, self.samples, strict=True)]
        self.images, self.real_tokens = int(values[-2]), int(values[-1])

    @property
    def stop(self) -> int:
        """Position after the step."""
        return self.start + sum(self.samples)

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats over all loss-bearing tokens of the step."""
        return sum(self.loss_sums) / max(1, sum(self.loss_tokens))
