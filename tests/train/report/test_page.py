"""The page of a run says what the run's files say, while it goes on and when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1200, 400])
def test_nothing_overflows_or_is_cut_off(tmp_path: Path, width: int) -> None:
    write_run(tmp_path)
    assert faults_of(page.render(read(tmp_path / "run")), tmp_path, width) == []


def test_samples_that_cannot_be_decoded_are_told(tmp_path: Path) -> None:
    write_run(tmp_path)
    assert "They cannot be shown" in page.render(read(tmp_path / "run"), tokenizer=tmp_path / "none")
