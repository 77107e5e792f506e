"""Judges every step before the optimizer acts on it, and withholds the update of those that are given up.

All ranks judge the same numbers (`record` has summed them), so they agree without asking each other.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist

from common.errors import InputError
from schemas.run_log import steps
from train.callbacks.fault_log import Fault, FaultLog, RolledBack
from train.callbacks.loss_spikes import Judge
from train.callbacks.metrics_log import Metrics
from train.config.fault_config import Action, FaultConfig


class Faults(Callback):
    """Must stand behind `Metrics` among the callbacks: it starts from the log that `Metrics` has trimmed."""

    def __init__(self, config: FaultConfig, log: FaultLog, metrics: Metrics) -> None:
        self.config, self.log, self.metrics = config, log, metrics
        self.judge = Judge(config)

    def fit_start(self, state: State, logger: Logger) -> None:
        """Take up what a run that was stopped had learnt: its list, and the losses that spikes are measured by.

        All of the log counts: what a source lost when it was last drawn, however long ago, is what it is compared with.
        """
        known: list[Any] = [None, None]
        if dist.get_global_rank() == 0:
            self.log.read()
            if self.config.spike != "ignore" and self.metrics.path.exists():
                self.judge.recall(steps(self.metrics.path))
            known = [self.log.faults, self.judge]
        dist.broadcast_object_list(known)
        self.log.faults, self.judge = known

    def after_train_batch(self, state: State, logger: Logger) -> None:
        record, norm = self.metrics.record, self.metrics.gradients.norm
        losses = self.metrics.loss_by_source
        if self.log.covers(record.start, record.stop):
            self._withhold(state)
            return
        verdict = self.judge.verdict(losses, norm)
        if verdict is None:
            self.judge.learn(losses)
            self.metrics.withheld = False
            return
        step, (reason, action) = int(state.timestamp.batch) + 1, verdict
        self._refuse(step, reason, action)
        first = record.start
        if action == "roll_back":
            first = max(0, record.stop - self.config.give_up * (record.stop - record.start))
        fault = Fault(
            start=first,
            stop=record.stop,
            step=step,
            reason=reason,
            loss=record.loss if record.loss is not None else math.nan,
            gradient_norm=norm,
            action="roll_back" if action == "roll_back" else "skip",
        )
        here = dist.get_global_rank() == 0
        self.log.add(fault, write=here)
        if here:
            done = "going back to the last checkpoint" if action == "roll_back" else "its update is withheld"
            print(f"step {step}: {reason}; {done} ({self.log.path})", file=sys.stderr, flush=True)
        if action == "roll_back":
            raise RolledBack
        self._withhold(state)

    def _refuse(self, step: int, reason: str, action: Action) -> None:
        remedy = (
            f"look at what it drew with `python -m curriculum explain`, lower the learning rate, or choose another "
            f"policy under `faults`; the run goes on from its last checkpoint, {self.metrics.path.parent} is intact"
        )
        if action == "stop":
            raise InputError(f"step {step}: {reason}", field="faults", remedy=remedy)
        if len(self.log.faults) >= self.config.limit:
            problem = f"step {step}: {reason}, after {len(self.log.faults)} faults that were passed over"
            raise InputError(problem, field="faults.limit", remedy=remedy)

    def _withhold(self, state: State) -> None:
        """Drops the gradients, without which the optimizer leaves weights and moments as they are."""
        self.metrics.withheld = True
        for optimizer in state.optimizers:
            optimizer.zero_grad(set_to_none=True)
