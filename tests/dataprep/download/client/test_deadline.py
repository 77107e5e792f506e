from __future__ import annotations

import socket
import time

import pytest

from dataprep.download.client.deadline import Deadline, DeadlineSocket
from dataprep.download.client.reasons import FetchError


def test_a_wait_is_bounded_by_both_times() -> None:
    assert Deadline(10, 2).left() == 2
    assert 0 < Deadline(60, 90).left() <= 60
    with pytest.raises(FetchError, match="timeout"):
        Deadline(0, 2).left()


def test_time_that_we_waited_ourselves_is_not_counted() -> None:
    deadline = Deadline(0, 90)
    deadline.extend(60)
    assert 0 < deadline.left() <= 60


def test_single_bytes_do_not_prolong_the_total() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = DeadlineSocket(ours, Deadline(0.3, 90)).makefile("rb")
        theirs.setblocking(False)
        began = time.monotonic()

        def drip() -> None:
            while time.monotonic() - began < 60:  # far more than a loaded machine needs
                theirs.send(b"x")
                reader.read1(1)

        with pytest.raises(FetchError, match="timeout"):
            drip()


def test_silence_and_a_spent_total_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("dataprep.download.client.deadline.time.monotonic", lambda: now)
    deadline = Deadline(10, 8)
    now += 8
    assert deadline.timed_out().detail == "nothing for 8 s"
    now += 2
    assert deadline.timed_out().detail == "total time used up"
