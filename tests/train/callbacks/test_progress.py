"""Tests of the progress line: what it says of a step, and the steps after which it is printed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.run_log import Step
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.callbacks import progress as progress_module
from train.callbacks.progress import Progress, describe
from train.callbacks.step_facts import StepRecord


def step(number: int, schedule: Schedule) -> Step:
    return synthetic.log(schedule, 0, schedule.global_batch)[number - 1]


def test_the_line_has_place_speed_mix_loss_and_time_left(tmp_path: Path) -> None:
    found = step(3, synthetic.schedule(tmp_path)).model_copy(
        update={"tokens": 1_234_567, "phase": "mixed", "lr": 0.00025, "loss_by_source": {"text": 2.5, "pairs": 1.25}}
    )
    drawn = {"text": 30, "pairs": 10, "conversations": 0}
    assert describe(found, drawn, 2.0, 2048, 120, 0.4321) == (
        "step 3 |  20.0% | mixed | 1.23 M tokens | 4.1 k tokens/s | MFU 43.2% | lr 2.50e-04 | "
        "mix text 75.0% pairs 25.0% | loss text 2.500 pairs 1.250 | 0:00:48 left"
    )
    assert "MFU" not in describe(found, drawn, 2.0, 2048, 120)


def test_a_line_every_so_many_steps_and_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedule = synthetic.schedule(tmp_path)
    metrics: Any = SimpleNamespace(schedule=schedule, record=StepRecord(schedule, {"text": 16}), last=None)
    progress, state = Progress(metrics, every=4, stop=120), SimpleNamespace(timestamp=SimpleNamespace(sample=16))
    progress.fit_start(state, SimpleNamespace())  # type: ignore[arg-type]
    said = []
    for number in range(3, 16):
        metrics.last = step(number, schedule)
        progress.batch_end(state, SimpleNamespace())  # type: ignore[arg-type]
        said += [line.split(" |")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["step 4", "step 8", "step 12", "step 15"]


@pytest.mark.parametrize(("seconds", "lines"), [(3, [3, 6, 9, 12, 15]), (6, [*range(1, 16)]), (30, [*range(1, 16)])])
def test_a_line_before_the_heartbeat_would_speak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seconds: int, lines: list[int]
) -> None:
    """It had nothing to say but `step 42: 0 s`."""
    schedule = synthetic.schedule(tmp_path)
    metrics: Any = SimpleNamespace(schedule=schedule, record=StepRecord(schedule, {}), last=None)
    progress, state = Progress(metrics, every=1000, stop=999), SimpleNamespace(timestamp=SimpleNamespace(sample=0))
    now = 0
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(progress_module.heartbeat, "EVERY_S", 10.0)
    progress.fit_start(state, SimpleNamespace())  # type: ignore[arg-type]
    for number in range(1, 16):
        now = number * seconds
        metrics.last = step(number, schedule)
        progress.batch_end(state, SimpleNamespace())  # type: ignore[arg-type]
    said = [int(line.split()[1]) for line in capsys.readouterr().err.splitlines()]
    assert said == lines


def test_the_mix_is_that_since_the_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedule = synthetic.schedule(tmp_path)
    metrics: Any = SimpleNamespace(schedule=schedule, record=StepRecord(schedule, {"text": 48}), last=None)
    progress, state = Progress(metrics, every=5, stop=120), SimpleNamespace(timestamp=SimpleNamespace(sample=48))
    progress.fit_start(state, SimpleNamespace())  # type: ignore[arg-type]
    for number in (10, 15):
        metrics.last = step(number, schedule)
        progress.batch_end(state, SimpleNamespace())  # type: ignore[arg-type]
    mixes = [line.split("| mix ")[1].split(" |")[0] for line in capsys.readouterr().err.splitlines()]
    due = [schedule.counts(position) for position in (48, 80, 120)]
    pairs = [(after["pairs"] - before["pairs"]) / size for before, after, size in ((*due[:2], 32), (*due[1:], 40))]
    assert [f"pairs {share:.1%}" in mix for share, mix in zip(pairs, mixes, strict=True)] == [True, True]
    assert "conversations" not in mixes[0]
    assert f"conversations {32 / 40:.1%}" in mixes[1]


@pytest.mark.parametrize("counted", [True, False])
def test_a_share_of_the_peak_is_given_where_work_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], counted: bool
) -> None:
    schedule = synthetic.schedule(tmp_path)
    metrics: Any = SimpleNamespace(schedule=schedule, record=StepRecord(schedule, {"text": 16}), last=step(3, schedule))
    progress = Progress(metrics, every=1, stop=120, work=(lambda tokens, pairs: 1e12 * tokens) if counted else None)
    progress.peak = 1e12
    state = SimpleNamespace(timestamp=SimpleNamespace(sample=16))
    progress.fit_start(state, SimpleNamespace())  # type: ignore[arg-type]
    progress.batch_end(state, SimpleNamespace())  # type: ignore[arg-type]
    assert ("| MFU " in capsys.readouterr().err) == counted
