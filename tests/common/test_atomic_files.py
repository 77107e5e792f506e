"""Directories and files are whole or absent."""

import pytest

from common import atomic_files
from common.errors import InputError


def test_a_directory_appears_when_it_is_whole(tmp_path):
    with atomic_files.new_directory(tmp_path / "a/b") as partial:
        (partial / "inner").mkdir()
        (partial / "inner/file").write_text("x")
        assert not (tmp_path / "a/b").exists()
    assert (tmp_path / "a/b/inner/file").read_text() == "x"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    with pytest.raises(InputError, match="something is here already"), atomic_files.new_directory(tmp_path / "a/b"):
        raise AssertionError


def test_a_failure_leaves_nothing(tmp_path):
    def interrupted() -> None:
        with atomic_files.new_directory(tmp_path / "out") as partial:
            (partial / "file").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_killed_writers_leftover_is_replaced(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial/old").write_text("x")
    (tmp_path / "out").mkdir()
    with atomic_files.new_directory(tmp_path / "out") as partial:
        (partial / "new").write_text("y")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


def test_files(tmp_path):
    atomic_files.write_text(tmp_path / "deep/file", "one")
    atomic_files.write_text(tmp_path / "deep/file", "two")
    assert [path.read_text() for path in (tmp_path / "deep").iterdir()] == ["two"]
