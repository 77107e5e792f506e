"""Directories and files are whole or absent."""

import shutil

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


def test_a_directory_is_replaced_when_the_new_one_is_whole_and_loses_its_name_before_its_files(tmp_path, monkeypatch):
    out, removed, real = tmp_path / "out", [], shutil.rmtree
    with atomic_files.new_directory(out) as partial:
        (partial / "old").write_text("x")

    def remove(path, **settings):
        removed.append((path.exists() and sorted(one.name for one in path.iterdir()), out.exists()))
        real(path, **settings)

    monkeypatch.setattr(shutil, "rmtree", remove)
    with atomic_files.new_directory(out, replace=True) as partial:
        (partial / "new").write_text("y")
        assert (out / "old").exists()
    assert (["old"], False) in removed  # a kill from here on leaves no half of it under its name
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


def test_two_who_make_one_directory_do_not_mix_their_files(tmp_path):
    """A second export to the same place, say, of another checkpoint."""
    out = tmp_path / "out"
    with atomic_files.new_directory(out) as partial:
        (partial / "a").write_text("first")
        with (
            pytest.raises(InputError, match=r"out: another process is making this directory; wait for it, or name"),
            atomic_files.new_directory(out),
        ):
            raise AssertionError("let in")
        (partial / "b").write_text("first")
    assert {file.name: file.read_text() for file in out.iterdir()} == {"a": "first", "b": "first"}
    assert list(tmp_path.iterdir()) == [out]
    with atomic_files.new_directory(out, replace=True) as partial:
        (partial / "a").write_text("second")
    assert (out / "a").read_text() == "second"


def test_of_several_who_make_one_directory_the_first_wins(tmp_path):
    with atomic_files.new_directory(tmp_path / "out", shared=True) as late:
        with atomic_files.new_directory(tmp_path / "out", shared=True) as early:
            (early / "file").write_text("early")
        (late / "file").write_text("late")
    assert (tmp_path / "out/file").read_text() == "early"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_of_several_who_make_one_file_the_last_wins(tmp_path):
    with atomic_files.new_file(tmp_path / "file", shared=True) as late:
        with atomic_files.new_file(tmp_path / "file", shared=True) as early:
            early.write_text("early")
        late.write_text("late")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["late"]


def test_a_file_that_fails_leaves_what_was_there(tmp_path):
    atomic_files.write_text(tmp_path / "file", "old")
    with pytest.raises(UnicodeEncodeError):
        atomic_files.write_text(tmp_path / "file", "new \ud800")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    (tmp_path / "folder/inner").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        atomic_files.write_text(tmp_path / "folder", "new")
    assert atomic_files.leftovers(tmp_path) == []
    (tmp_path / ".x.partial").touch()
    assert atomic_files.leftovers(tmp_path) == [tmp_path / ".x.partial"]
