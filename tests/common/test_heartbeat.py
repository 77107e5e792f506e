"""What is being done is said while nothing else is, and nothing after the block."""

from __future__ import annotations

import queue

import pytest

from common import heartbeat

LIMIT_S = 120


def test_parts_are_said_with_counts_and_time_left() -> None:
    heard: queue.Queue[str] = queue.Queue()
    with heartbeat.beating("importing", heard.put, every=0.05, soon=True):
        assert heard.get(timeout=LIMIT_S) == "importing: 0 s"
        heartbeat.at("loss of pairs", total=40)
        heartbeat.done(10)
        while not (line := heard.get(timeout=LIMIT_S)).startswith("loss"):
            pass
        assert line.startswith(("loss of pairs: 10 of 40, ", "loss of pairs: 0 of 40, "))
        while "10 of 40" not in line:
            line = heard.get(timeout=LIMIT_S)
        assert line.partition("ETA ")[2].endswith(" s")
        with heartbeat.beating("inside"):  # of a command that another one runs: there is one heartbeat
            while not heard.get(timeout=LIMIT_S).startswith("inside: "):
                pass
        heartbeat.at("last")
        while not heard.get(timeout=LIMIT_S).startswith("last: "):
            pass
    while not heard.empty():
        heard.get_nowait()
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.3)


def test_what_was_said_otherwise_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    beat = heartbeat.Heartbeat(heard.append, every=10.0)
    assert heartbeat.Heartbeat(heard.append, 10.0, first=5.0)._said < beat._said - 4
    times = iter([0.0, 8.0, 9.0, 18.5, 19.5, 19.6])
    waits = iter([False, False, False, True])
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(beat, "_over", type("Over", (), {"wait": lambda self, seconds: next(waits)})())
    beat._began = beat._said = 0.0
    beat.at("waiting")  # at 0
    beat.said()  # at 8
    beat._beat()  # at 9: a second after; at 18.5: ten seconds and more after; at 19.5: one after that
    assert heard == ["waiting: 18 s"]


def test_nobody_listens_where_nothing_beats() -> None:
    heartbeat.at("x", total=3)
    heartbeat.done()
    heartbeat.said()
    with pytest.raises(RuntimeError, match="inside"), heartbeat.beating("x", lambda line: None):
        raise RuntimeError("inside")
    assert heartbeat._current is None


@pytest.mark.parametrize(("left", "done", "due"), [(5, 0, "?"), (5, 5, "0 min 10 s"), (3600, 1, "10 h 00 min")])
def test_time_left_is_at_the_pace_so_far(left: int, done: int, due: str) -> None:
    assert heartbeat.eta(left, done, 10) == due
