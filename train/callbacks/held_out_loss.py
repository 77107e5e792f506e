"""Loss on held-out data, source by source, where the schedule asks for it and at the end: `OUT/held_out.jsonl`.

The line is written before the step's checkpoint, and lines past a checkpoint are cut off on resume, as those of
`metrics.jsonl` are. All ranks score their share; weights are left alone, and so is the order of training data.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from composer.core import Callback, State, get_precision_context
from composer.loggers import Logger
from composer.utils import dist

from common import heartbeat, json_lines
from schemas.schedule import Schedule
from train.callbacks.metrics_log import truncate
from train.callbacks.step_facts import StepRecord
from train.loader.held_out import HeldOut
from train.models.row_losses import row_losses
from train.models.vlm import VisionLanguageModel

HELD_OUT_NAME = "held_out.jsonl"


class Evaluating(Callback):
    """Scores `sources` with `model`; `rows` of a rank at a time."""

    def __init__(
        self,
        model: VisionLanguageModel,
        sources: dict[str, HeldOut],
        schedule: Schedule,
        record: StepRecord,
        out: Path,
        *,
        rows: int,
        last: int,
    ) -> None:
        self.model, self.sources, self.record, self.rows, self.last = model, sources, record, rows, last
        self.path = out / HELD_OUT_NAME
        self._points = [position for phase in schedule.phases for position in phase.evaluate_at]

    def fit_start(self, state: State, logger: Logger) -> None:
        if dist.get_global_rank() == 0:
            truncate(self.path, int(state.timestamp.sample))

    def batch_end(self, state: State, logger: Logger) -> None:
        start, stop = self.record.start, self.record.stop
        if stop < self.last and not any(start < point <= stop for point in self._points):
            return
        scores = {name: self._score(name, source, state) for name, source in self.sources.items()}
        logger.log_metrics({f"held_out/{name}/loss": loss for name, (loss, _) in scores.items()})
        if dist.get_global_rank() == 0:
            line = {
                "step": int(state.timestamp.batch),
                "position": stop,
                "loss": {name: loss for name, (loss, _) in scores.items()},
                "tokens": {name: tokens for name, (_, tokens) in scores.items()},
            }
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json_lines.line(json.dumps(line)))

    def _score(self, name: str, source: HeldOut, state: State) -> tuple[float, int]:
        """Mean cross-entropy in nats over all loss-bearing tokens of `source`, and how many there are."""
        sums = state.device.tensor_to_device(torch.zeros(2, dtype=torch.float64))
        rank, ranks = dist.get_global_rank(), dist.get_world_size()
        heartbeat.at(f"held-out loss of {name}, rows", -(-source.rows // ranks))
        batches = source.batches(self.rows, rank, ranks)
        with get_precision_context(state.precision, state.precision_config):
            for losses, counts in row_losses(self.model, batches, state.device.batch_to_device):
                sums += torch.stack((losses.sum(), counts.sum()))
                heartbeat.done(len(counts))
        if ranks > 1:
            dist.all_reduce(sums)
        total, tokens = sums.tolist()
        return total / max(1.0, tokens), int(tokens)
