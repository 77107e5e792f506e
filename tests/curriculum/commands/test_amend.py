"""`amend`: a new future as a user asks for it."""

from pathlib import Path

import pytest

from curriculum.__main__ import main
from schemas.schedule import Schedule

Capture = pytest.CaptureFixture[str]


def test_joins_and_says_where_the_runs_part(base: Path, capsys: Capture) -> None:
    main(["compile", str(base), "-o", "running.json"])
    command = ["amend", "running.json", str(base), "--set", "share=30%", "--at", "280 steps", "-o", "new.json"]
    assert main(command) == 0
    said = capsys.readouterr().out
    running, new = Schedule.load("running.json"), Schedule.load("new.json")
    assert new.prefix_hash(8960) == running.prefix_hash(8960)
    assert new.prefix_hash(8961) != running.prefix_hash(8961)
    assert "the past before sample 8,960 is equal" in said
    assert "the runs part at sample 8,960" in said


def test_nothing_is_written_when_refused(base: Path, capsys: Capture) -> None:
    main(["compile", str(base), "-o", "running.json"])
    for place, said in (("99999 steps", "outside the run"), ("soon", "is not an amount"), ("0", "leaves no past")):
        assert main(["amend", "running.json", str(base), "--at", place, "-o", "new.json"]) == 2
        assert said in capsys.readouterr().err
    base.write_text("lanes: 4\n" + base.read_text())
    assert main(["amend", "running.json", str(base), "--at", "1 steps", "-o", "new.json"]) == 2
    assert "the new curriculum has another lanes" in capsys.readouterr().err
    assert not Path("new.json").exists()
