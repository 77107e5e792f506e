"""The totals of flipped bits in the documentation are those of the ledger, and none was different."""

from __future__ import annotations

from pathlib import Path

from tests.helpers import flip_ledger
from tests.helpers.commands import ROOT
from tests.helpers.flip_ledger import Entry


def test_the_documentation_adds_the_ledger_up() -> None:
    entries = flip_ledger.read()
    assert len({(one.seed, one.kind) for one in entries}) == len(entries), "a seed counts once"
    assert all(one.flips == one.refused + one.identical + one.different for one in entries)
    assert sum(one.flips for one in entries) >= 1000
    assert sum(one.different for one in entries) == 0
    assert flip_ledger.table(entries) in (ROOT / "docs/faults.md").read_text(encoding="utf-8")


def test_what_is_added_is_read_again(tmp_path: Path) -> None:
    entries = [Entry(1, "text", 9, 8, 1, 0), Entry(1, "run", 2000, 1500, 499, 1), Entry(2, "text", 1, 1, 0, 0)]
    for entry in entries:
        flip_ledger.append(tmp_path / "flips.csv", entry)
    assert flip_ledger.read(tmp_path / "flips.csv") == entries
    assert flip_ledger.read(tmp_path / "none.csv") == []
    assert flip_ledger.table(entries).splitlines()[2:] == [
        "| text | 1 to 2 | 10 | 9 | 1 | 0 |",
        "| run | 1 to 1 | 2,000 | 1,500 | 499 | 1 |",
        "| all | 1 to 2 | 2,010 | 1,509 | 500 | 1 |",
    ]
