"""Tests of the list of checksums: what is read of a dataset is what was written, or is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.engine import checksums
from dataprep.engine.checksums import Checksums
from dataprep.engine.paths import CHECKSUMS_NAME, STAGING
from schemas.manifest import JOURNAL_NAME

CONTENT = {"index.json": b"{}", "provenance/00000.parquet": b"part", "shard.00000.mds": b"shard", "naïve.txt": b""}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, data in CONTENT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    digests = {name: checksums.of(data) for name, data in CONTENT.items()} | {f"{STAGING}/plan.json": "0" * 16}
    (tmp_path / CHECKSUMS_NAME).write_bytes(checksums.listing(digests))
    return tmp_path


def test_lines_are_what_xxhsum_reads(root: Path) -> None:
    # As xxhsum 0.8.1 (Debian) writes it for an empty file: XXH3 (f) = 2d06800538d394c2
    lines = (root / CHECKSUMS_NAME).read_text().splitlines()
    assert [line[6:-20] for line in lines] == sorted(CONTENT)
    assert "XXH3 (naïve.txt) = 2d06800538d394c2" in lines
    assert Checksums.load(str(root)).digests == {name: checksums.of(data) for name, data in CONTENT.items()}


def test_xxhsum_agrees(root: Path) -> None:
    try:
        done = subprocess.run(
            ["xxhsum", "--check", CHECKSUMS_NAME], cwd=root, capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("xxhsum is not installed")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == len(CONTENT)


@pytest.mark.parametrize("name", CONTENT)
def test_a_file_that_changed_is_refused_and_listed(root: Path, name: str) -> None:
    sums = Checksums.load(str(root))
    assert sums.read(name) == CONTENT[name]
    assert sums.problems({}) == []
    (root / name).write_bytes(CONTENT[name] + b"x")
    with pytest.raises(InputError, match=r"changed since it was written"):
        sums.read(name)
    assert sums.problems({}) == [f"{root}/{name}: changed since it was written ({CHECKSUMS_NAME})"]
    (root / name).unlink()
    assert sums.problems({}) == [f"{root}/{name}: missing"]
    assert sums.problems({name: checksums.of(CONTENT[name])}) == [], "looked at elsewhere"


def test_a_file_of_ours_that_is_not_listed_is_a_problem_and_a_users_is_none(root: Path) -> None:
    (root / "README.md").write_text("mine")
    (root / "provenance/00001.parquet").write_bytes(b"foreign")
    sums = Checksums.load(str(root))
    assert sums.problems({}) == [f"{root}/provenance/00001.parquet: not in {CHECKSUMS_NAME}"]
    assert sums.problems({"shard.00001.mds": "0" * 16}) == [
        f"{root}/{name}: not in {CHECKSUMS_NAME}" for name in ("provenance/00001.parquet", "shard.00001.mds")
    ]
    with pytest.raises(InputError, match="not in"):
        sums.read("provenance/00001.parquet")


def test_every_flipped_bit_of_the_list_itself_is_found(root: Path) -> None:
    path = root / CHECKSUMS_NAME
    data = path.read_bytes()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            problems = Checksums.load(str(root)).problems({"shard.00000.mds": checksums.of(b"shard")})
        except InputError:
            continue
        assert problems, bit


def test_a_list_that_was_cut_is_damaged_or_lacks_files(root: Path) -> None:
    path = root / CHECKSUMS_NAME
    data = path.read_bytes()
    for length in range(1, len(data)):
        path.write_bytes(data[:length])
        try:
            sums = Checksums.load(str(root))
        except InputError:
            continue
        assert sums.problems({"shard.00000.mds": checksums.of(b"shard")}), length
    path.write_bytes(b"")
    with pytest.raises(InputError, match="damaged list"):
        Checksums.load(str(root))


def test_nothing_is_held_against_a_dataset_of_before_there_were_lists(root: Path) -> None:
    (root / CHECKSUMS_NAME).unlink()
    (root / "index.json").write_bytes(b"other")
    sums = Checksums.load(str(root))
    assert (sums.read("index.json"), sums.problems({})) == (b"other", [])


def test_a_file_in_the_middle_of_a_takedown_is_no_damage(root: Path) -> None:
    sums = Checksums.load(str(root))
    (root / "index.json").write_bytes(b"new")
    (root / JOURNAL_NAME).parent.mkdir()
    (root / JOURNAL_NAME).write_text("{}")
    with pytest.raises(InputError, match="a takedown is changing it"):
        sums.read("index.json")
