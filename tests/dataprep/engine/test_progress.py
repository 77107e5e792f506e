from __future__ import annotations

import io

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
