from __future__ import annotations

import io

import pytest

from dataprep.engine.progress import Progress, Tally, line


def test_laps_are_the_time_between_calls_and_add_up() -> None:
    shown = Progress(stream=io.StringIO())
    shown._lap -= 3.0
    shown.lap("plan")
    shown._lap -= 5.0
    shown.lap("shards")
    shown._lap -= 2.0
    shown.lap("shards")
    assert list(shown.laps) == ["plan", "shards"]
    assert [round(seconds) for seconds in shown.laps.values()] == [3, 7]


def test_the_line_counts_this_runs_rate_and_the_time_left() -> None:
    tally = Tally(tasks=2, rows=1_000, tokens=4_000_000)
    text = line("tokenize", 10, 4, tally, 2.0)
    assert text == "tokenize: 6/10 tasks, 4 by an earlier run, 1,000 rows, 4,000,000 tokens (2.00 M/s), ETA 0 min 04 s"
    assert line("tokenize", 2, 0, Tally(2), 61.0) == "tokenize: 2/2 tasks, 61 s"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, every: float = 1e9) -> str:
    with Progress(every, stream).stage("pairs", 8, 2) as show:
        for tasks in range(1, 7):
            show(Tally(tasks, rows=10 * tasks))
    return stream.getvalue()


def test_where_there_is_no_terminal_lines_come_in_time_and_at_the_end() -> None:
    lines = shown(io.StringIO(), every=0).splitlines()
    assert [line.split(", ")[0] for line in lines] == [f"pairs: {n}/8 tasks" for n in (3, 4, 5, 6, 7, 8, 8)]
    (last,) = shown(io.StringIO()).splitlines()
    assert last.startswith("pairs: 8/8 tasks, 2 by an earlier run, 60 rows")
    assert Progress().every <= 10


def test_on_a_terminal_there_is_a_bar_that_a_failure_takes_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    text = shown(Terminal())
    assert "pairs" in text
    assert "8/8" in text
    assert "60 rows" in text
    hide, show = "\x1b[?25l", "\x1b[?25h"
    assert text.count(hide) == text.count(show) == 1
    failed = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress(stream=failed).stage("pairs", 8, 0):
        raise KeyboardInterrupt
    assert failed.getvalue().count(hide) == failed.getvalue().count(show) == 1
