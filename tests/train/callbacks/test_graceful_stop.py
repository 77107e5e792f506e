"""Tests that a signal is noted while a run trains, and answered as before once it has closed."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import synthetic
from train.callbacks.graceful_stop import SIGNALS, Leaving
from train.callbacks.step_facts import StepRecord

NO_STATE: Any = None
"""Neither event looks at Composer's state."""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_sets_the_flag_of_this_rank_and_ends_nothing(tmp_path: Path, number: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.signal(number, lambda found, frame: heard.append(found))
    record = StepRecord(synthetic.schedule(tmp_path))
    leaving = Leaving(record)
    try:
        leaving.fit_start(NO_STATE, NO_STATE)
        assert not record.hand
        os.kill(os.getpid(), number)
        assert (record.hand, record.leave, heard) == (True, False, []), "all ranks hear of it with the next all-reduce"
        leaving.close(NO_STATE, NO_STATE)
        os.kill(os.getpid(), number)
        assert heard == [number]
    finally:
        leaving.close(NO_STATE, NO_STATE)
        signal.signal(number, before)
