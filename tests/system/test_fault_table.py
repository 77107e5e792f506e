"""Every line of the tables of faults and of promises names a test that is there, for the jobs it is said of."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dataprep.engine.output_version import OUTPUT_VERSION
from tests.helpers import kill_ledger
from tests.helpers.commands import command_environment

ROOT = Path(__file__).resolve().parents[2]
JOBS = tuple(OUTPUT_VERSION)
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


COLLECT = """
import json, sys
import pytest

class Collected:
    def pytest_collection_finish(self, session):
        named = {item.nodeid: bool(item.get_closest_marker("soak")) for item in session.items}
        print("collected " + json.dumps(named))

sys.exit(pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[Collected()]))
"""


def test_each_job_is_tried_where_the_table_says_so() -> None:
    """In `make test` or in `make soak`: pytest collects the tests that the cells name, and no others."""
    text = (ROOT / "docs/faults.md").read_text(encoding="utf-8").split("## Which job is tried")[1].split("\n## ")[0]
    head, *lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert head == ["fault", *JOBS, "shown by"]
    assert len(lines) >= 8
    (files,) = [sorted({file for line in lines for _, file, _ in NAMED.findall(line[-1])})]
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, *files], cwd=ROOT, env=command_environment(), capture_output=True, text=True
    )
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("collected ")]
    soak = json.loads(said.removeprefix("collected "))
    for line in lines:
        for job, cell in zip(JOBS, line[1:-1], strict=True):
            names = [
                node for _, file, test in NAMED.findall(line[-1]) for node in soak if of(node, f"{file}::{test}", job)
            ]
            assert {"soak" if soak[node] else "test" for node in names} == {cell} - {"-"}, (line[0], job, names)


def of(node: str, test: str, job: str) -> bool:
    """Whether a collected test is `test` for a job: by its parameter, or by its file's name."""
    name, _, parameters = node.removesuffix("]").partition("[")
    own = f"test_killed_{job}.py" in name
    return name == test and (job in parameters.split("-") or own)


def test_the_ledger_of_kills_adds_up() -> None:
    """Totals in the documentation are those of `docs/kills.csv`."""
    entries = kill_ledger.read()
    assert len({(one.job, one.seed) for one in entries}) == len(entries)
    assert kill_ledger.table(entries) in (ROOT / "docs/faults.md").read_text(encoding="utf-8")
