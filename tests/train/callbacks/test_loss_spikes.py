"""Tests of what counts as a spike: a loss that stands out from the recent past of its own source."""

import math

from train.callbacks.loss_spikes import Judge
from train.config.fault_config import LEAST, FaultConfig


def test_a_spike_is_measured_against_the_sources_own_past() -> None:
    judge = Judge(FaultConfig(spike="skip", deviations=6.0, window=50))
    for step in range(30):
        assert judge.verdict({"text": 3.0 + 0.1 * (step % 2)}, 1.0) is None
        judge.learn({"text": 3.0 + 0.1 * (step % 2)})
    assert judge.verdict({"text": 3.1, "pairs": 9.0}, 1.0) is None, "a new source has no past to stand out from"
    found = judge.verdict({"text": 4.0}, 1.0)
    assert found is not None
    reason, action = found
    assert action == "skip"
    assert reason.startswith("loss of 'text' is 4.000, 19.0 deviations above average")
    assert judge.verdict({"text": 2.0}, 1.0) is None, "better is no fault"
    assert judge.verdict({"text": 3.0}, math.inf) == ("loss or gradient is not finite", "stop")
    assert Judge(FaultConfig()).verdict({"text": 1e9}, 1.0) is None, "spikes are ignored unless asked for"


def test_losses_are_judged_from_the_least_number_of_steps_on_and_by_the_window_alone() -> None:
    judge = Judge(FaultConfig(spike="stop", window=LEAST))
    for step in range(LEAST):
        assert judge.verdict({"text": 99.0}, 1.0) is None, "too few steps to compare with"
        judge.learn({"text": 1.0 if step else 50.0})
    assert judge.verdict({"text": 5.0}, 1.0) is None, "the first loss is still in the window"
    judge.learn({"text": 1.0})
    assert judge.verdict({"text": 5.0}, 1.0) is not None
    assert judge.verdict({"text": 1.05}, 1.0) is None, "a window without any deviation counts as one of 1 %"
