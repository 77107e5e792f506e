"""Keeps the ledger of kills: one line for each seed of `tests/system/faults/test_kills.py`, added up over many runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.commands import ROOT

LEDGER = ROOT / "docs/kills.csv"
VICTIMS = ("worker", "daemon", "executor", "jvm", "driver", "everything")
"""Everything: the driver and all its children at once."""
COLUMNS = ("seed", "job", *VICTIMS, "starts", "seconds", "output_version", "result")
EQUAL, WRONG = "equal", ("differs", "failed")
"""Results of a seed: a job failed that said more than a line, or another one, or left a process behind."""


@dataclass(frozen=True)
class Entry:
    """What became of a job whose processes were killed."""

    seed: int
    job: str
    killed: Mapping[str, int]
    starts: int
    seconds: int
    output_version: int
    result: str
    """`EQUAL`, or one of `WRONG`."""

    def line(self) -> str:
        """The entry as a line of the ledger."""
        said = io.StringIO()
        counts = [self.killed.get(victim, 0) for victim in VICTIMS]
        fixed = [self.seed, self.job, *counts, self.starts, self.seconds, self.output_version, self.result]
        csv.writer(said, lineterminator="\n").writerow(fixed)
        return said.getvalue()


def read(path: Path = LEDGER) -> list[Entry]:
    """The entries of a ledger, in their order; none where there is no ledger."""
    if not path.exists():
        return []
    with path.open(newline="") as lines:
        rows = csv.DictReader(lines)
        entries = [
            Entry(
                int(row["seed"]),
                row["job"],
                {victim: int(row[victim]) for victim in VICTIMS},
                *(int(row[name]) for name in ("starts", "seconds", "output_version")),
                row["result"],
            )
            for row in rows
        ]
        assert tuple(rows.fieldnames or ()) == COLUMNS
        assert {one.result for one in entries} <= {EQUAL, *WRONG}
    return entries


def append(path: Path, entry: Entry) -> None:
    """Add a line to a ledger, which is begun where there is none."""
    head = "" if path.exists() else ",".join(COLUMNS) + "\n"
    with path.open("a") as ledger:
        ledger.write(head + entry.line())


def table(entries: Sequence[Entry]) -> str:
    """The totals of a ledger as the documentation states them: a table of jobs and victims."""
    heads = ["job", *VICTIMS]
    lines = [f"| {' | '.join([*heads, 'kills', 'seeds', *WRONG])} |", "|---" * (len(heads) + 4) + "|"]
    for job in [*dict.fromkeys(sorted(one.job for one in entries)), "all"]:
        mine = [one for one in entries if job in (one.job, "all")]
        counts = [sum(one.killed[victim] for one in mine) for victim in VICTIMS]
        wrong = [sum(one.result == result for one in mine) for result in WRONG]
        lines.append(f"| {' | '.join([job, *(f'{n:,}' for n in [*counts, sum(counts), len(mine), *wrong])])} |")
    return "\n".join(lines)
