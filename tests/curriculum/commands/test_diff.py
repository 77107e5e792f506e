"""`diff`: where two runs part, by what they say and by what they do."""

import re
from pathlib import Path

import numpy as np
import pytest

from curriculum.__main__ import main
from schemas.schedule import Schedule

Capture = pytest.CaptureFixture[str]


def test_diff(base: Path, capsys: Capture) -> None:
    main(["compile", str(base), "-o", "a.json"])
    assert main(["diff", "a.json", str(base)]) == 0
    main(["compile", str(base), "--set", "share=20%", "-o", "b.json"])
    capsys.readouterr()
    assert main(["diff", "a.json", "b.json"]) == 1
    said = capsys.readouterr().out
    assert "equal before sample 8,000" in said
    first = int(re.search(r"first other sample: sample ([\d,]+)", said)[1].replace(",", ""))  # type: ignore[index]
    a, b = Schedule.load("a.json"), Schedule.load("b.json")
    assert a.sample(first) != b.sample(first)
    assert all(np.array_equal(x, y) for x, y in zip(a.samples(0, first), b.samples(0, first), strict=True))


def test_the_same_run_may_differ_in_what_does_not_change_it(base: Path, capsys: Capture) -> None:
    main(["compile", str(base), "-o", "a.json"])
    schedule = Schedule.load("a.json")
    moved = [source.model_copy(update={"path": f"elsewhere/{source.path}"}) for source in schedule.sources]
    schedule.model_copy(update={"global_batch": 64, "sources": moved}).save("b.json")
    capsys.readouterr()
    assert main(["diff", "a.json", "b.json"]) == 0
    said = capsys.readouterr().out
    assert "the same run" in said
    assert "global batch (32 and 64), paths of sources" in said
