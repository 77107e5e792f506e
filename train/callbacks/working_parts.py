"""Tells the model which of its parts work in a step, and keeps ranks from exchanging what rests or is not due yet.

The schedule says it, so every rank knows the same before the step: in a step without a source of images the image side
neither runs nor is gathered, a frozen encoder runs without backward, and gradients of resting parts are not exchanged.
Sharded gradients are exchanged in a step's last micro-batch alone (DDP does that by itself), or in each where memory
asks for it (`parallel.reduce_every_microbatch`).
"""

from __future__ import annotations

from typing import Any

import torch
from composer.core import Callback, State
from composer.loggers import Logger
from torch import Tensor
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.distributed.fsdp import FSDPModule
from torch.nn.parallel import DistributedDataParallel

from schemas.schedule import Schedule
from train.callbacks.step_facts import StepRecord
from train.config.parallel_config import ParallelConfig
from train.models.vlm import VisionLanguageModel

IMAGE_SIDE = ("encoder", "projector")
PARTS = ("decoder", *IMAGE_SIDE)


class WorkingParts(Callback):
    """Must stand behind `StepRecord` among the callbacks: it needs the step's first position.

    Args:
        global_batch: rows of all ranks in a step.
        most_rows: rows of a step on the rank that has most.
        stop: position where training ends.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        schedule: Schedule,
        record: StepRecord,
        config: ParallelConfig,
        *,
        global_batch: int,
        most_rows: int,
        stop: int,
    ) -> None:
        self.model, self.schedule, self.record = model, schedule, record
        self._batch, self._most_rows, self._stop = global_batch, most_rows, stop
        self._each = config.reduce_every_microbatch
        self.resting: frozenset[str] = frozenset()
        """Parts whose gradients do not count in this step, as the schedule has it."""
        self._part_of = {
            id(p): part for part in PARTS for name, p in model.named_parameters() if name.startswith(f"{part}.")
        }
        # A unit that never ran has nothing to exchange, and FSDP fails if it is told not to.
        self._units = [
            (name.startswith("encoder."), unit) for name, unit in model.named_modules() if isinstance(unit, FSDPModule)
        ]
        self._turns = 0

    def fit_start(self, state: State, logger: Logger) -> None:
        if isinstance(state.model, DistributedDataParallel):
            # DDP looks at the annotations of a hook, and refuses those that are text.
            state.model.register_comm_hook(None, lambda state, bucket: self._exchange(bucket))

    def batch_start(self, state: State, logger: Logger) -> None:
        start = self.record.start
        frozen = set(self.schedule.phase(start).freeze)
        stop = min(start + self._batch, self._stop)
        before, after = self.schedule.counts(start), self.schedule.counts(stop)
        images = any(after[s.name] > before[s.name] for s in self.schedule.sources if s.kind != "text")
        self.resting = frozenset(frozen if images else frozen.union(IMAGE_SIDE))
        self.model.images_due, self.model.frozen = images, frozenset(frozen)
        self._turns = -(-self._most_rows // int(state.device_train_microbatch_size or 1))

    def before_forward(self, state: State, logger: Logger) -> None:
        """Once for each micro-batch."""
        self._turns -= 1
        last = self._turns == 0
        for is_encoder, unit in self._units:
            runs = self.model.images_due or not is_encoder
            unit.set_requires_gradient_sync(last or self._each or not runs, recurse=False)
            unit.set_requires_all_reduce(last or not runs, recurse=False)

    def _exchange(self, bucket: Any) -> torch.futures.Future[Tensor]:
        """DDP's exchange of a bucket of gradients; one whose parts all rest keeps its zeros."""
        if all(self._part_of[id(parameter)] in self.resting for parameter in bucket.parameters()):
            kept: torch.futures.Future[Tensor] = torch.futures.Future()
            kept.set_result(bucket.buffer())
            return kept
        return allreduce_hook(None, bucket)  # type: ignore[arg-type]
