from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.download.client.host_limits import HostLimits
from dataprep.download.client.reasons import FetchError


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def limits(clock: Clock, connections: int | None = None, interval: float = 0.0) -> HostLimits:
    return HostLimits(connections, interval, max_wait=30.0, clock=clock, sleep=clock.sleep)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["a", "b"]), max_size=20), st.floats(0.1, 5))
def test_requests_to_a_host_keep_their_distance_whatever_others_do(order: list[str], interval: float) -> None:
    clock = Clock()
    polite, times = limits(clock, interval=interval), dict[str, list[float]]()
    for host in order:
        with polite.slot(host):
            times.setdefault(host, []).append(clock.now)
    for came in times.values():
        assert all(b - a >= interval * 0.999999 for a, b in itertools.pairwise(came))


def test_no_limit_is_no_wait() -> None:
    clock = Clock()
    polite = limits(clock)
    for _ in range(3):
        with polite.slot("a") as waited:
            assert waited == 0
    assert clock.slept == []


def test_a_hold_is_for_the_host_and_says_how_long_was_waited() -> None:
    clock = Clock()
    polite = limits(clock)
    polite.hold("a", 12)
    polite.hold("a", 5)
    with polite.slot("b") as waited:
        assert waited == 0
    with polite.slot("a") as waited:
        assert waited == 12
    polite.hold("a", 31)
    with pytest.raises(FetchError, match="http_rate_limited"), polite.slot("a"):
        pass
    clock.now += 2
    with polite.slot("a") as waited:
        assert waited == 29


def test_slots_are_given_back_by_failures_too() -> None:
    clock = Clock()
    polite = limits(clock, connections=1)
    with pytest.raises(KeyError), polite.slot("a"):
        raise KeyError
    polite.hold("a", 40)
    with pytest.raises(FetchError), polite.slot("a"):
        pass
    clock.now += 40
    inside = threading.Event()

    def take() -> None:
        with polite.slot("a"):
            inside.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    assert inside.wait(30)


def test_a_host_that_never_answers_is_given_up_and_one_that_does_is_not() -> None:
    clock = Clock()
    polite = HostLimits(None, 0.0, 30.0, 3, clock=clock, sleep=clock.sleep)

    def ask(host: str, *, well: bool) -> None:
        with polite.slot(host):
            polite.answered(host, well=well)

    for _ in range(4):
        ask("flaky", well=False)
        ask("flaky", well=False)
        ask("flaky", well=True)
    for _ in range(3):
        ask("dead", well=False)
    with pytest.raises(FetchError, match="host_down"):
        ask("dead", well=True)
    ask("flaky", well=True)
