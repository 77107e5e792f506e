"""Keep golden digests by what decides a job's bytes: the job, its output version, and the packages that make them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dataprep.engine.output_version import OUTPUT_VERSION, JobKind, package_versions
from tests.system.golden_datasets.runs import Digests

FILE = Path(__file__).with_name("digests.json")
CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"
COMMAND = "python -m tests.system.golden_datasets"


@dataclass(frozen=True)
class Record:
    """The bytes of one job under one output version and one set of packages."""

    job: JobKind
    output_version: int
    packages: Mapping[str, str]
    files: Digests
    special: str = ""
    """Names the run where a job has several."""

    @property
    def made_by(self) -> tuple[str, int, Mapping[str, str], str]:
        """What decides the bytes."""
        return self.job, self.output_version, self.packages, self.special


class OtherBytesError(AssertionError):
    """A job makes other bytes than those recorded for its output version."""


def of(kind: JobKind, files: Digests, special: str = "") -> Record:
    """The record of what the job `kind` makes now."""
    return Record(kind, OUTPUT_VERSION[kind], package_versions(kind), files, special)


def read(path: Path = FILE) -> list[Record]:
    """All records."""
    return [Record(**one) for one in json.loads(path.read_bytes())]


def write(records: list[Record], path: Path = FILE) -> None:
    """Write all records, in order."""
    ordered = sorted(records, key=lambda one: (one.job, one.output_version, sorted(one.packages.items()), one.special))
    kept = [{name: value for name, value in asdict(one).items() if value != ""} for one in ordered]
    path.write_text(json.dumps(kept, indent=1) + "\n")


def is_recorded(made: Record, records: list[Record]) -> bool:
    """Whether `records` have what `made` is; False where they know nothing of its output version and packages.

    Raises:
        OtherBytesError: they have other bytes.
    """
    kept = next((one for one in records if one.made_by == made.made_by), None)
    if kept is None:
        return False
    other = sorted({name for name, _ in kept.files.items() ^ made.files.items()})
    if other:
        raise OtherBytesError(
            f"the {made.job} job makes other bytes than its output version {made.output_version} stands for "
            f"({len(other)} files: {', '.join(other[:5])}); undo that, or raise OUTPUT_VERSION['{made.job}'] and run "
            f"`{COMMAND}`"
        )
    return True


def is_pinned(packages: Mapping[str, str], constraints: Path = CONSTRAINTS) -> bool:
    """Whether `packages` are those that a set-up installs, and the interpreter is one that was recorded on."""
    pins = dict(line.split("==") for line in constraints.read_text().split() if "==" in line)
    known = {one.packages.get("unicode") for one in read()}
    return all(version in known if name == "unicode" else pins[name] == version for name, version in packages.items())
