"""`compile`: what it writes, prints, and refuses when locked."""

import json
from pathlib import Path

import pytest

from curriculum.__main__ import main
from schemas.schedule import Schedule

Capture = pytest.CaptureFixture[str]


def test_writes_schedule_and_lock(base: Path, capsys: Capture) -> None:
    assert main(["compile", str(base), "-o", "out/s.json"]) == 0
    said = capsys.readouterr().out
    assert "10,656 samples of 128 = 333 steps of 32" in said
    schedule = Schedule.load("out/s.json")
    assert schedule.hash in said
    assert json.loads(Path("out/s.lock.json").read_text())["schedule"] == schedule.hash


def test_locked_refuses_by_name_what_changed(base: Path, capsys: Capture) -> None:
    compile_locked = ["compile", str(base), "-o", "s.json", "--locked"]
    assert main(compile_locked) == 2
    assert "no lock file" in capsys.readouterr().err
    assert main(compile_locked[:-1]) == 0
    assert main(compile_locked) == 0
    assert main([*compile_locked, "--set", "share=20%"]) == 2
    assert "the parameters give another schedule" in capsys.readouterr().err
    base.write_text(base.read_text() + "# a comment\n")
    assert main(compile_locked) == 2
    assert "files differ from the lock: base.yaml" in capsys.readouterr().err


def test_lanes_are_named_and_must_divide_the_batch(base: Path, capsys: Capture) -> None:
    base.write_text("lanes: 8\n" + base.read_text())
    assert main(["compile", str(base), "-o", "s.json"]) == 0
    assert "; 8 lanes" in capsys.readouterr().out
    assert Schedule.load("s.json").lanes == 8
    base.write_text(base.read_text().replace("lanes: 8", "lanes: 5"))
    assert main(["compile", str(base), "-o", "s.json"]) == 2
    assert "base.yaml:1: lanes: a global batch of 32 samples cannot be cut into 5" in capsys.readouterr().err
