"""`report`: verdicts on the terminal, files where they were asked for, mistakes in one line."""

from pathlib import Path

import pytest

from curriculum.__main__ import main
from tests.curriculum.sweep_report.conftest import swept

__all__ = ["swept"]

Capture = pytest.CaptureFixture[str]


@pytest.mark.slow
def test_it_says_what_was_found_and_where(swept: Path, capsys: Capture) -> None:
    assert main(["report", str(swept), "-o", str(swept / "elsewhere/page.html"), "--axis", "seed"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("12 of 12 runs scored, 6 configurations. ")
    assert "of the time (" in said[0]
    assert any(line.startswith("appears: images from 80 % on") for line in said)
    assert said[-1] == f"wrote {swept / 'elsewhere/page.html'}"
    assert (swept / "elsewhere/figures/switch.svg").is_file()
    assert not (swept / "report.html").exists()


def test_mistakes(swept: Path, tmp_path: Path, capsys: Capture) -> None:
    for argv in (["report", str(tmp_path)], ["report", str(swept), "--alone", str(tmp_path)]):
        assert main(argv) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "no sweep here" in said
    assert not (swept / "report.html").exists()


@pytest.mark.slow
def test_runs_alone_that_cannot_be_compared_are_named(swept: Path, capsys: Capture) -> None:
    assert main(["sweep", "sweep.yaml", "--alone", "--runs", "2", "-o", "alone", "--no-tree"]) == 0
    assert main(["report", str(swept), "--alone", "alone"]) == 0
    assert "alone is not compared: no run there and here is trained" in capsys.readouterr().out
