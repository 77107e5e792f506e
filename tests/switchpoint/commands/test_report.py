"""`switchpoint report` looks at what a folder holds, and refuses options of another kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from switchpoint.__main__ import main
from tests.train.report.test_page import write_run


def test_a_run_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, steps=3)
    out = tmp_path / "run"
    assert main(["report", str(out), "-o", str(tmp_path / "page.html")]) == 0
    assert "768 of 3,840 tokens" in (tmp_path / "page.html").read_text()
    for options, said in ((["--preset", "paper"], "means nothing for a run"), (["--every", "0"], "must be above 0")):
        assert main(["report", str(out), *options]) == 2
        assert said in capsys.readouterr().err


def test_what_is_for_runs_is_refused_for_a_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sweep.json").write_text("{}")
    assert main(["report", str(tmp_path), "--watch"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}: --watch: means nothing for a sweep; leave it out")


def test_a_datasets_report_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    assert main(["report", str(tmp_path)]) == 2
    assert "a dataset without a report" in capsys.readouterr().err
    (tmp_path / "report.html").write_text("")
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/report.html\n"
