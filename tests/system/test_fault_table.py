"""Every line of the tables of faults and of promises names a test, and that test is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(/?)([\w/]+\.py)::(test_\w+)`")
TABLES = [
    ("docs/training.md", "## When something goes wrong", 25),
    ("docs/faults.md", "# Faults of data jobs", 15),
    ("SECURITY.md", "## What is promised", 15),
]


@pytest.mark.parametrize(("page", "heading", "least"), TABLES)
def test_every_line_has_its_test(page: str, heading: str, least: int) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    table = text.split(heading)[1].split("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= least
    for line in lines:
        named = NAMED.findall(line.rsplit(" | ", 1)[-1])
        assert named, line
        for absolute, file, test in named:
            path = ROOT / file if absolute else ROOT / "tests/train" / file
            assert re.search(rf"^def {test}\(", path.read_text(encoding="utf-8"), re.M), (file, test)
