"""Tests of `report` on a run: a page of what is there, written again and again while the run goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.commands import assert_refused
from tests.helpers.run_folder import step, write_run
from train.__main__ import main


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


@pytest.mark.parametrize("option", ["every", "peak"])
def test_numbers_are_above_zero(tmp_path: Path, option: str) -> None:
    assert_refused(main, ["report", str(tmp_path), f"--{option}", "0"], match=f"--{option}: must be above 0")
