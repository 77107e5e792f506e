"""Stable scores by the paper's preset: its printed check value, tasks without scores, blind scores beside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curriculum.__main__ import main
from curriculum.sweep_report.analysis import Analysis, analyse
from curriculum.sweep_report.read_runs import read
from schemas.score_preset import PAPER
from tests.curriculum.sweep_report.conftest import score_preset

WITH = {"vqav2": 0.7639, "gqa": 0.6108, "textvqa": 0.468, "refcoco": 0.642, "ocid_ref": 0.461, "pope": 0.875}
WITHOUT = {"vqav2": 0.7469, "gqa": 0.606, "textvqa": 0.416, "refcoco": 0.589, "ocid_ref": 0.397, "pope": 0.871}
"""The paper's 7B pair, with images in pre-training and without (its table)."""
BLIND = {"vqav2": 0.45, "gqa": 0.4, "textvqa": 0.1, "refcoco": 0.1, "ocid_ref": 0.05, "pope": 0.5}

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pair(swept: Path) -> Path:
    """The sweep, whose runs from 80 % on have the scores of the one model and all others those of the other."""
    for run in read(swept).runs:
        score_preset(run.folder / "scores", WITH if run.settings["switch"] == "80%" else WITHOUT)
        score_preset(run.folder / "scores", BLIND, blind=True)
    return swept


def by_switch(analysis: Analysis, switch: str, *, blind: bool = False) -> float:
    measure = analysis.measure("stable score, vision")
    assert measure is not None
    estimates = measure.blind if blind else measure.estimates
    assert estimates is not None
    return estimates.mean(analysis.where(lambda one: one["switch"] == switch)).value


def test_the_7b_pair_differs_by_what_the_paper_prints(pair: Path) -> None:
    found = analyse(read(pair), preset=PAPER)
    assert by_switch(found, "80%") - by_switch(found, "0%") == pytest.approx(0.0325, abs=5e-5)
    assert by_switch(found, "80%") == pytest.approx((0.5139 + 0.3608 + 0.468 + 0.642 + 0.461 + 0.375) / 6)
    assert by_switch(found, "0%", blind=True) == pytest.approx((0.2 + 0.15 + 0.1 + 0.1 + 0.05 + 0.0) / 6)
    over_all = analyse(read(pair))  # chances as the results have them, every figure a mean of items
    assert by_switch(over_all, "80%") != pytest.approx(by_switch(found, "80%"))


@pytest.mark.slow
def test_the_page_has_both_scores_and_says_what_they_are(pair: Path, capsys: Capture) -> None:
    assert main(["report", str(pair), "--preset", "paper"]) == 0
    assert "no verdict: images from 80 % on" in capsys.readouterr().out  # its seeds do not differ
    html = (pair / "report.html").read_text()
    assert "0.4701 [0.4701, 0.4701], blind 0.1000" in html
    assert "over the tasks of the preset &#x27;paper&#x27;: pope metrics/mean_of_splits - 0.5, " in html
    assert "<th>stable score, vision</th><th>noise-filtered score, vision</th>" in html
    assert "<th>gqa, as scored blind</th>" in html
    assert "without images" in html


def test_other_items_than_the_preset_s_have_no_part(pair: Path) -> None:
    """RefCOCO counts by its split `val`: what a run makes of testA changes nothing."""

    def covariance() -> np.ndarray:
        measure = analyse(read(pair), preset=PAPER).measure("stable score, vision")
        assert measure is not None
        assert measure.estimates is not None
        return measure.estimates.item_covariance

    before = covariance()
    file = read(pair).runs[0].folder / "scores/refcoco.json"
    told = json.loads(file.read_text())
    for number, row in enumerate(told["predictions"]):
        row["score"] = number % 2 if row["group"] == "testA" else row["score"]
    file.write_text(json.dumps(told))
    assert (covariance() == before).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "change", "problem"),
    [
        (3, lambda tasks: tasks.pop("gqa"), "tasks.gqa: no scores of 'gqa', which preset 'paper' averages"),
        (0, lambda tasks: tasks["pope"].update(answers_by="generation"), "tasks.pope: preset 'paper' wants answers by"),
    ],
)
def test_a_task_without_scores_is_one_line(
    pair: Path, capsys: Capture, first: int, change: object, problem: str
) -> None:
    for run in read(pair).runs[first:]:
        file = run.folder / "scores/results.json"
        told = json.loads(file.read_text())
        change(told["tasks"])  # type: ignore[operator]
        file.write_text(json.dumps(told))
    assert main(["report", str(pair), "--preset", "paper"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"error: {read(pair).runs[first].folder / 'scores/results.json'}: {problem}" in said
    assert "; run `python -m train evaluate MODEL --preset paper`" in said
    assert main(["report", str(pair)]) == 0  # without the preset: the tasks that all runs have


@pytest.mark.slow
def test_runs_without_any_task_of_it_and_unknown_presets(swept: Path, capsys: Capture) -> None:
    assert main(["report", str(swept), "--preset", "paper"]) == 2
    assert "tasks.pope: preset 'paper' wants answers by likelihood, not by generation" in capsys.readouterr().err
    assert main(["report", str(swept), "--preset", "papers"]) == 2
    assert capsys.readouterr().err == "error: --preset: no preset 'papers'; choose among paper\n"
    assert not (swept / "report.html").exists()


def test_some_runs_without_blind_scores_have_none_beside(pair: Path) -> None:
    file = read(pair).runs[0].folder / "scores/results.json"
    told = json.loads(file.read_text())
    del told["blind"]["gqa"]
    file.write_text(json.dumps(told))
    for preset in (PAPER, None):
        measure = analyse(read(pair), preset=preset).measure("stable score, vision")
        assert measure is not None
        assert measure.blind is None
