"""Prints the progress line: where the run stands, how fast, on which mix, with which loss, and how long it still
takes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta

import torch
from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist

from common import heartbeat
from schemas.run_log import Step
from train.callbacks.metrics_log import Metrics
from train.models.cost import H100_BF16


class Progress(Callback):
    """Prints one line every `every` steps on rank 0, and before ten seconds are over if another step would end later.

    Rates are over the steps since the last line. The heartbeat has something to say of steps that take longer alone.

    `work` is the decoder's operations for so many tokens and attended pairs: with it, on GPUs, the line has the share
    of their peak that they make (MFU).
    """

    def __init__(
        self, metrics: Metrics, every: int, stop: int, work: Callable[[int, int], float] | None = None
    ) -> None:
        self.metrics, self.every, self.stop = metrics, every, stop
        # H100 and H200 alone: the share of a peak that is not this card's would mislead.
        known = torch.cuda.is_available() and any(card in torch.cuda.get_device_name() for card in ("H100", "H200"))
        self.peak = H100_BF16 * dist.get_world_size() if known else float("inf")
        self._work, self._done, self._position = work, 0.0, 0
        self._since, self._ended = (0.0, 0), 0.0
        self._drawn: dict[str, int] = {}
        self._first = True

    def fit_start(self, state: State, logger: Logger) -> None:
        position = int(state.timestamp.sample)
        self._since, self._done, self._position = (time.perf_counter(), position), 0.0, position
        self._ended = time.perf_counter()
        self._drawn = dict(zip((s.name for s in self.metrics.schedule.sources), self.metrics.record.seen, strict=True))

    def batch_start(self, state: State, logger: Logger) -> None:
        number = int(state.timestamp.batch) + 1
        first = ", the first of this start (a GPU compiles now)" if self._first else ""
        heartbeat.at(f"step {number:,}{first}")
        self._first = False

    def batch_end(self, state: State, logger: Logger) -> None:
        step, length = self.metrics.last, self.metrics.schedule.seq_len
        if step is not None:
            if self._work is not None:
                self._done += self._work((step.position - self._position) * length, step.attended or 0)
            self._position = step.position
        heartbeat.at("reading the next batch, or saving a checkpoint")
        now, (then, before) = time.perf_counter(), self._since
        due, self._ended = now + (now - self._ended), now
        if step is None or dist.get_global_rank():
            return
        if step.step % self.every and step.position < self.stop and due - then < heartbeat.EVERY_S:
            return
        rate = (step.position - before) / (now - then)
        drawn = {name: count - self._drawn[name] for name, count in step.samples.items()}
        self._since, self._drawn = (now, step.position), step.samples
        mfu, self._done = self._done / (now - then) / self.peak, 0.0
        print(describe(step, drawn, rate, length, self.stop, mfu), file=sys.stderr, flush=True)
        heartbeat.said()


def describe(step: Step, drawn: dict[str, int], rate: float, seq_len: int, stop: int, mfu: float = 0.0) -> str:
    """The line for `step`, with the samples by source since the last line, at `rate` samples a second; no MFU if 0."""
    total = max(1, sum(drawn.values()))
    mix = " ".join(f"{name} {count / total:.1%}" for name, count in drawn.items() if count)
    losses = " ".join(f"{name} {value:.3f}" for name, value in step.loss_by_source.items())
    left = timedelta(seconds=round((stop - step.position) / max(rate, 1e-9)))
    speed = f"{_short(rate * seq_len)} tokens/s" + (f" | MFU {mfu:.1%}" if mfu else "")
    return (
        f"step {step.step} | {step.position / stop:6.1%} | {step.phase} | {_short(step.tokens)} tokens | {speed} | "
        f"lr {step.lr:.2e} | mix {mix} | loss {losses} | {left} left"
    )


def _short(number: float) -> str:
    for unit in ("", " k", " M", " G"):
        if number < 1000:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.3g} T"
