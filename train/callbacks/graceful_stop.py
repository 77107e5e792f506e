"""Saves and stops when a signal asks for it (SIGTERM from a scheduler that wants the node, SIGUSR1 from Slurm's
`--signal`, SIGINT from a terminal's Ctrl-C).

A signal reaches ranks at different moments, and some not at all; if each saved when it heard, they would save different
steps. So the signal sets a flag: the next all-reduce (`step_facts`) shares it with all ranks, and the step in which any
rank has set its flag is the last. The launcher may die without telling its ranks; the kernel tells them
(`common.process`).
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from composer.core import Callback, State
from composer.loggers import Logger

from train.callbacks.step_facts import StepRecord

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
EXIT_ASKED_TO_LEAVE = 128 + signal.SIGTERM
"""Not 0: to a scheduler the job is unfinished and should be started again."""


class AskedToLeave(Exception):  # noqa: N818 - no error: the run is saved, and goes on when it is started again
    """The run was saved and ended early."""


class Leaving(Callback):
    """Listens while the run trains; `Checkpointing` acts."""

    def __init__(self, record: StepRecord) -> None:
        self.record = record
        self._before: dict[int, Any] = {}

    def _raise_hand(self, number: int, frame: FrameType | None) -> None:
        self.record.hand = True

    def fit_start(self, state: State, logger: Logger) -> None:
        self._before = {number: signal.signal(number, self._raise_hand) for number in SIGNALS}

    def close(self, state: State, logger: Logger) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
