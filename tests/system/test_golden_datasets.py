"""What each job makes of checked-in inputs is what it made before, or its output version was raised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dataprep.engine.output_version import OUTPUT_VERSION, JobKind
from tests.system.golden_datasets import records, runs


@pytest.mark.parametrize(("kind", "special"), runs.JOBS)
def test_a_job_makes_the_bytes_of_its_output_version(
    spark: SparkSession, tmp_path: Path, kind: JobKind, special: str
) -> None:
    made = records.of(kind, runs.digests(spark, kind, tmp_path, special), special)
    if not records.is_recorded(made, records.read()):
        if records.is_pinned(made.packages):
            pytest.fail(f"no golden digests of the {kind} job, output version {made.output_version}: {records.COMMAND}")
        pytest.skip(f"golden digests are kept for the packages in constraints.txt: {records.COMMAND} adds others")


def test_every_job_has_golden_bytes() -> None:
    assert {kind for kind, _ in runs.JOBS} == OUTPUT_VERSION.keys()


def made_of(**files: str) -> records.Record:
    return records.of("text", files)


def test_other_bytes_under_the_same_version_are_refused_and_under_a_raised_one_not_known() -> None:
    kept = [made_of(a="1", b="2")]
    assert records.is_recorded(made_of(b="2", a="1"), kept)
    for other in (made_of(a="1", b="3"), made_of(a="1"), made_of(a="1", b="2", c="4")):
        with pytest.raises(records.OtherBytesError, match=r"output version \d+ .* raise OUTPUT_VERSION\['text'\]"):
            records.is_recorded(other, kept)
        assert not records.is_recorded(replace(other, output_version=other.output_version + 1), kept)
    newer = replace(made_of(a="1", b="3"), packages={**kept[0].packages, "zstandard": "99"})
    assert not records.is_recorded(newer, kept)


def test_a_raise_without_other_bytes_is_recorded_beside_the_first(tmp_path: Path) -> None:
    first = made_of(a="1")
    raised = replace(first, output_version=first.output_version + 1)
    records.write([raised, first], tmp_path / "digests.json")
    assert records.read(tmp_path / "digests.json") == [first, raised]
    assert records.is_recorded(raised, [first, raised])


def test_only_what_a_set_up_installs_must_be_recorded(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("# pins\npillow==11.3.0\nzstandard==0.25.0\n")
    interpreter = records.read()[0].packages["unicode"]
    assert records.is_pinned({"pillow": "11.3.0", "unicode": interpreter}, constraints)
    assert not records.is_pinned({"pillow": "11.3.1", "unicode": interpreter}, constraints)
    assert not records.is_pinned({"pillow": "11.3.0", "unicode": "99.0.0"}, constraints)
