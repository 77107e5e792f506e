"""The page of a run says what the run's files say, while it goes on and when it is over."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from matplotlib.patches import StepPatch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from common.errors import InputError
from schemas.run_log import Step
from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.browser import CHROMIUM, faults_of
from train.__main__ import main
from train.report import figures, page, tables
from train.report.record import Record, read
from train.report.samples import first_of_each
from train.report.windows import windows

LENGTHS = (44, 40, 36)
"""Samples of each phase: with steps of 8, both switches lie inside a step."""


def write_run(folder: Path, *, steps: int = 15, batch: int = 8) -> Schedule:
    """A run's folder: schedule and log of its first `steps` steps, as the trainer writes them."""
    schedule = synthetic.schedule(folder / "data", lengths=LENGTHS)
    out = folder / "run"
    out.mkdir()
    schedule.save(out / "schedule.json")
    lines = [step(schedule, number, batch).model_dump_json() + "\n" for number in range(1, steps + 1)]
    (out / "metrics.jsonl").write_text("".join(lines))
    return schedule


def step(schedule: Schedule, number: int, batch: int) -> Step:
    start, stop = (number - 1) * batch, number * batch
    now, before = schedule.counts(stop), schedule.counts(start)
    return Step(
        step=number, position=stop, tokens=schedule.tokens(stop), phase=schedule.phase(start).name,
        lr=schedule.lr(start), loss=2.0, samples=now, images=0, real_tokens=100, gradient_norm=1.0, seconds=0.5,
        loss_by_source={name: 3.0 - number / 10 for name in now if now[name] > before[name]}, tokens_per_second=512.0,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Record:
    write_run(tmp_path)
    return read(tmp_path / "run")


def test_a_switch_is_drawn_as_a_step_at_its_exact_position(run: Record) -> None:
    """The target changes at samples 44 and 84, and no window of what was counted goes over either by more than the
    step that it falls into."""
    found = windows(run.log, 0, run.schedule, most=3)
    assert [(one.start, one.stop) for one in found if one.start < 44 < one.stop or one.start < 84 < one.stop] == [
        (40, 48), (80, 88),
    ]  # fmt: skip
    assert sum(len(one.steps) for one in found) == 15
    (axes,) = figures.mix(run).axes
    drawn = {patch.get_label(): patch for patch in axes.patches if isinstance(patch, StepPatch)}
    values, edges, _ = drawn["text, target"].get_data()
    assert [round(edge / synthetic.SEQ_LEN) for edge in edges] == [0, 44, 84, 120]
    assert values.tolist() == pytest.approx([1.0, 0.7, 0.0])
    values, edges, _ = drawn["pairs, counted"].get_data()
    assert values[0] == 0
    assert values[-1] == 0
    assert [round(edge / synthetic.SEQ_LEN) for edge in edges][-1] == 120


def test_rates_are_the_logs_own(run: Record) -> None:
    (axes,) = figures.learning_rate(run).axes
    (log,) = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    assert log.get_data().values.tolist() == [step.lr for step in run.log]


def test_a_source_that_is_not_read_has_no_loss_line(run: Record) -> None:
    (axes,) = figures.loss(run).axes
    stairs = {patch.get_label(): patch for patch in axes.patches if isinstance(patch, StepPatch)}
    edges = stairs["conversations"].get_data().edges / synthetic.SEQ_LEN
    assert edges[0] >= 80
    assert edges[-1] == 120


def test_counts_add_up(run: Record) -> None:
    _, rows = tables.tokens(run)
    assert sum(int(row[2].replace(",", "")) for row in rows) == 120 * synthetic.SEQ_LEN
    header, rows = tables.mix(run)
    assert header[2:4] == ("samples due", "counted")
    assert sum(int(row[3]) for row in rows) == 120


def test_it_is_written_and_says_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path)
    out = tmp_path / "run"
    (out / "held_out.jsonl").write_text('{"step": 5, "position": 40, "loss": {"text": 1.5}, "tokens": {"text": 9}}\n')
    fault = {"start": 8, "stop": 16, "step": 2, "reason": "loss <is> nan", "loss": 1.0, "gradient_norm": 1.0}
    (out / "faults.jsonl").write_text(json.dumps({**fault, "action": "skip"}) + "\n")
    assert main(["report", str(out)]) == 0
    html = (out / "report.html").read_text()
    for text in ("The run is over", "Held-out loss", "loss &lt;is&gt; nan", "Median 512 tokens/s"):
        assert text in html
    assert "http-equiv" not in html
    assert capsys.readouterr().out == f"wrote {out}/report.html\n"


def test_a_run_that_goes_on_is_drawn_without_its_torn_line(tmp_path: Path) -> None:
    schedule = write_run(tmp_path, steps=4)
    with (tmp_path / "run/metrics.jsonl").open("a") as log:
        log.write(step(schedule, 5, 8).model_dump_json()[:40])
    found = read(tmp_path / "run")
    assert (found.position, found.finished) == (32, False)
    html = page.render(found, refresh=10)
    assert '<meta http-equiv="refresh" content="10">' in html
    assert "26.7%" in html
    (tmp_path / "run/metrics.jsonl").write_text("")
    assert "No step was taken yet" in page.render(read(tmp_path / "run"))


def test_a_branch_begins_where_it_left_the_trunk(tmp_path: Path) -> None:
    write_run(tmp_path)
    log = tmp_path / "run/metrics.jsonl"
    log.write_text("".join(line + "\n" for line in log.read_text().splitlines()[5:]))
    found = read(tmp_path / "run")
    assert found.start == 40
    assert found.schedule.tokens(40) == 40 * synthetic.SEQ_LEN
    _, edges, _ = next(p for p in figures.mix(found).axes[0].patches if isinstance(p, StepPatch)).get_data()
    assert edges[0] == 40 * synthetic.SEQ_LEN


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda out: (out / "metrics.jsonl").unlink(), "no metrics.jsonl here"),
        (lambda out: (out / "schedule.json").unlink(), "no schedule with this run"),
        (lambda out: (out / "metrics.jsonl").write_text("{}\n"), "metrics.jsonl:1: not a step record"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, break_it: object, said: str) -> None:
    write_run(tmp_path)
    break_it(tmp_path / "run")  # type: ignore[operator]
    with pytest.raises(InputError, match=re.escape(said)):
        read(tmp_path / "run")


def test_samples_of_each_phase_are_shown_as_they_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = Tokenizer(WordLevel({f"w{n}": n for n in range(60)}, unk_token="w0"))
    words.save(str(tmp_path / "tokenizer.json"))
    digest = hashlib.sha256((tmp_path / "tokenizer.json").read_bytes()).hexdigest()
    monkeypatch.setattr(synthetic, "TOKENIZER", synthetic.TOKENIZER.model_copy(update={"digest": digest}))
    write_run(tmp_path)
    found = first_of_each(read(tmp_path / "run"), tmp_path)
    assert [(one.phase, one.source) for one in found] == [
        ("text", "text"), ("mixed", "text"), ("mixed", "pairs"), ("tuning", "conversations"),
    ]  # fmt: skip
    for one in found:
        assert one.text.startswith("w2")
        assert bool(one.pictures) == (one.source != "text")
    other = page.render(read(tmp_path / "run"), tokenizer=tmp_path / "none")
    assert "They cannot be shown" in other


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1200, 400])
def test_nothing_overflows_or_is_cut_off(run: Record, tmp_path: Path, width: int) -> None:
    assert faults_of(page.render(run), tmp_path, width) == []


def test_watching_ends_with_the_run(tmp_path: Path) -> None:
    """The page is there while the run goes on, and the command ends once the log has reached the schedule's end."""
    schedule = write_run(tmp_path, steps=3)
    argv = [sys.executable, "-m", "train", "report", str(tmp_path / "run"), "--watch", "--every", "1"]
    watching = subprocess.Popen(argv)
    try:
        shown = tmp_path / "run/report.html"
        while not shown.exists() and watching.poll() is None:
            time.sleep(0.1)
        assert "http-equiv" in shown.read_text()
        with (tmp_path / "run/metrics.jsonl").open("a") as log:
            log.writelines(step(schedule, number, 8).model_dump_json() + "\n" for number in range(4, 16))
        assert watching.wait(timeout=120) == 0
        assert "http-equiv" not in shown.read_text()
    finally:
        watching.kill()
        watching.wait()
