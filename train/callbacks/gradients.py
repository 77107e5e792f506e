"""Decides which gradients reach the optimizer: those of the parts that this step trains, clipped.

A frozen decoder or projector keeps computing gradients (a phase switch needs no restart) and loses them here; a frozen
encoder has none (`working_parts`), or zeros that DDP has made. So does the image side in a step that saw no image: its
gradients are exact zeros, and an optimizer that took them would let weight decay and stale momentum move an encoder
that nothing teaches. So does everything in a step without a single target (a takedown may leave windows of padding):
weights stay as they are.
"""

from __future__ import annotations

from composer.core import Callback, State
from composer.loggers import Logger
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from schemas.schedule import Schedule
from train.callbacks.step_facts import StepRecord
from train.callbacks.working_parts import IMAGE_SIDE, PARTS
from train.models.sharding import whole
from train.models.vlm import VisionLanguageModel


class Gradients(Callback):
    """Drops, then clips; also clears optimizer moments where a phase asks for it."""

    def __init__(self, model: VisionLanguageModel, schedule: Schedule, record: StepRecord, clip: float) -> None:
        self.schedule, self.record, self.clip = schedule, record, clip
        self._parts = {
            part: [p for name, p in model.named_parameters() if name.startswith(f"{part}.")] for part in PARTS
        }
        self.norm = 0.0
        """Gradient norm before clipping."""

    def fit_start(self, state: State, logger: Logger) -> None:
        position = int(state.timestamp.sample)
        self._reset_between(state, position - 1, position)

    def batch_end(self, state: State, logger: Logger) -> None:
        """Resets the optimizer before the checkpoint, so that what is saved at a switch point is what the next phase
        starts from.
        """
        self._reset_between(state, self.record.start, self.record.stop)

    def _reset_between(self, state: State, after: int, until: int) -> None:
        if any(phase.reset_optimizer and after < phase.start <= until for phase in self.schedule.phases):
            for optimizer in state.optimizers:
                optimizer.state.clear()

    def after_train_batch(self, state: State, logger: Logger) -> None:
        dropped = set(self.schedule.phase(self.record.start).freeze)
        if not any(self.record.loss_tokens):
            dropped.update(self._parts)
        if not self.record.images:
            dropped.update(IMAGE_SIDE)
        for part in dropped:
            for parameter in self._parts[part]:
                parameter.grad = None
        kept = [p for parameters in self._parts.values() for p in parameters if p.grad is not None]
        # Of sharded gradients the norm is a sum over ranks: added up before it is compared or logged.
        norm = whole(get_total_norm([p.grad for p in kept if p.grad is not None]))
        clip_grads_with_norm_(kept, self.clip, norm)
        self.norm = float(norm)  # read once, and before the optimizer: a read waits for all that a GPU has got to do
