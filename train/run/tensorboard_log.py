"""Writes TensorBoard's event files so that a run that was killed has each step once in them, and lacks none.

Composer's logger keeps up to a hundred steps in memory, and a run that goes on from a checkpoint adds its steps to
those that had been trained after the checkpoint before the kill. Here what a step logged is in the file before the
step's checkpoint is, and a run that goes on says where: readers then drop what earlier files have from that step on
(TensorBoard's `purge_step`). Everything that is logged while step n runs has the number n, so that no tag of a step
lies on both sides of the border; Composer numbers some of its own from 0.
"""

from __future__ import annotations

from pathlib import Path

from composer.core import State
from composer.loggers import Logger, TensorboardLogger
from composer.utils import dist


class TensorboardLog(TensorboardLogger):
    """Composer's logger with other numbers of steps; rank 0 alone has files."""

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self._step = 0

    def init(self, state: State, logger: Logger) -> None:
        self.run_name = state.run_name  # no file yet: where the run goes on is not known

    def fit_start(self, state: State, logger: Logger) -> None:
        self._step = int(state.timestamp.batch) + 1
        if dist.get_global_rank() == 0:
            from torch.utils.tensorboard import SummaryWriter

            assert self.log_dir is not None
            folder = Path(self.log_dir) / str(self.run_name)
            goes_on = any(folder.glob("events.out.tfevents.*"))
            self.writer = SummaryWriter(str(folder), purge_step=self._step if goes_on else None)  # type: ignore[no-untyped-call]

    def batch_start(self, state: State, logger: Logger) -> None:
        self._step = int(state.timestamp.batch) + 1

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Log under the number of the step that runs; what Composer says before it trains is left out."""
        if self.writer is not None:
            super().log_metrics(metrics, self._step)

    def batch_end(self, state: State, logger: Logger) -> None:
        if self.writer is not None:
            self.writer.flush()  # type: ignore[no-untyped-call]

    def close(self, state: State, logger: Logger) -> None:
        if self.writer is not None:
            self.writer.close()  # type: ignore[no-untyped-call]
            self.writer = None
