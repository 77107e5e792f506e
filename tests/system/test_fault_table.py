"""Every line of the table of faults in docs/training.md names a test, and that test is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(/?)([\w/]+\.py)::(test_\w+)`")


def test_every_fault_has_its_test() -> None:
    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    table = text.split("## When something goes wrong")[1].split("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 25
    for line in lines:
        named = NAMED.findall(line.rsplit(" | ", 1)[-1])
        assert named, line
        for absolute, file, test in named:
            path = ROOT / file if absolute else ROOT / "tests/train" / file
            assert re.search(rf"^def {test}\(", path.read_text(encoding="utf-8"), re.M), (file, test)
