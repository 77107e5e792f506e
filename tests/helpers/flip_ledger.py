"""Keeps the ledger of flipped bits: a line for each seed and kind of files of `test_flipped_bits.py`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from tests.helpers.commands import ROOT

LEDGER = ROOT / "docs/flips.csv"


@dataclass(frozen=True)
class Entry:
    """What became of the bits that a seed has flipped in files of a kind."""

    seed: int
    kind: str
    flips: int
    refused: int
    """In one line."""
    identical: int
    """Read, or gone on from, with the result of the whole file."""
    different: int
    """Another result, or a traceback."""


def read(path: Path = LEDGER) -> list[Entry]:
    """The entries of a ledger, in their order; none where there is no ledger."""
    if not path.exists():
        return []
    with path.open(newline="") as lines:
        rows = list(csv.reader(lines))
    assert rows[0] == [field.name for field in fields(Entry)]
    return [Entry(int(seed), kind, *map(int, counts)) for seed, kind, *counts in rows[1:]]


def append(path: Path, entry: Entry) -> None:
    """Add a line to a ledger, which is begun where there is none."""
    head = "" if path.exists() else ",".join(field.name for field in fields(Entry)) + "\n"
    with path.open("a") as ledger:
        ledger.write(head + ",".join(map(str, astuple(entry))) + "\n")


def table(entries: Sequence[Entry]) -> str:
    """The totals of a ledger as the documentation states them."""
    lines = ["| files | seeds | flipped bits | refused in a line | same result | different |", "|---" * 6 + "|"]
    for kind in [*dict.fromkeys(one.kind for one in entries), "all"]:
        mine = [one for one in entries if kind in (one.kind, "all")]
        seeds = sorted({one.seed for one in mine})
        counts = [sum(row) for row in zip(*(astuple(one)[2:] for one in mine), strict=True)]
        lines.append(f"| {kind} | {seeds[0]} to {seeds[-1]} | {' | '.join(f'{count:,}' for count in counts)} |")
    return "\n".join(lines)
