"""The page of a run says what the run's files say, while it goes on and when it is over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common import seal
from tests.helpers.browser import CHROMIUM, faults_of
from tests.helpers.run_folder import step, write_run
from train.report import page
from train.report.record import read


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


@pytest.mark.parametrize(("fp8", "said"), [(False, "MFU "), ("emulated", "no MFU, since")])
def test_a_run_in_fp8_is_given_no_mfu(tmp_path: Path, fp8: object, said: str) -> None:
    """Its peak is neither that of bf16 nor that of fp8."""
    write_run(tmp_path)
    saved = tmp_path / "run/checkpoints" / f"{40:015d}"
    saved.mkdir(parents=True)
    (saved / "schedule.json").write_bytes((tmp_path / "run/schedule.json").read_bytes())
    (saved / "state.json").write_text(seal.sealed(json.dumps({"run": {"model": {"size": "79M"}, "fp8": fp8}})))
    html = page.render(read(tmp_path / "run"), peak=1e12)
    assert said in html
    assert ("of 1 TFLOP/s" in html) == (fp8 is False)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1200, 400])
def test_nothing_overflows_or_is_cut_off(tmp_path: Path, width: int) -> None:
    write_run(tmp_path)
    assert faults_of(page.render(read(tmp_path / "run")), tmp_path, width) == []


def test_samples_that_cannot_be_decoded_are_told(tmp_path: Path) -> None:
    write_run(tmp_path)
    assert "They cannot be shown" in page.render(read(tmp_path / "run"), tokenizer=tmp_path / "none")
