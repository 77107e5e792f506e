"""Tests of changing several files as one: before the journal nothing has happened, after it all of it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.engine import journal
from dataprep.storage import files
from tests.helpers.folders import tree


def staged(folder: Path) -> journal.Change:
    (folder / "a").write_bytes(b"old a")
    (folder / "c").write_bytes(b"old c")
    change = journal.Change(str(folder))
    change.put("a", b"new a")
    change.put("sub/b", b"new b")
    return change


def committed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state that a process leaves which is killed right after the journal has appeared."""
    change = staged(folder)
    with monkeypatch.context() as patch:
        patch.setattr(journal, "finish", lambda out: True)
        change.commit()
    assert journal.pending(str(folder))


DONE = {"a": b"new a", "sub/b": b"new b", "c": b"old c"}


def test_a_change_replaces_and_adds_its_files_and_no_other(tmp_path: Path) -> None:
    staged(tmp_path).commit()
    assert tree(tmp_path) == DONE
    assert not journal.pending(str(tmp_path))
    assert journal.finish(str(tmp_path)) is False


def test_what_was_staged_without_a_journal_is_thrown_away(tmp_path: Path) -> None:
    staged(tmp_path)
    assert not journal.pending(str(tmp_path))
    assert journal.finish(str(tmp_path)) is False
    assert tree(tmp_path) == {"a": b"old a", "c": b"old c"}


@pytest.mark.parametrize("moved", [(), ("a",), ("a", "sub/b")])
def test_a_committed_change_is_finished_from_wherever_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: tuple[str, ...]
) -> None:
    committed(tmp_path, monkeypatch)
    for name in moved:
        files.publish_file(tmp_path / journal.FOLDER / name, str(tmp_path / name))
    assert journal.finish(str(tmp_path)) is True
    assert tree(tmp_path) == DONE


@pytest.mark.parametrize("content", [None, b"somebody else's"])
def test_a_file_that_is_neither_staged_nor_in_place_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    committed(tmp_path, monkeypatch)
    (tmp_path / journal.FOLDER / "a").unlink()
    (tmp_path / "a").unlink() if content is None else (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="a: lost while a change was under way; make the dataset again"):
        journal.finish(str(tmp_path))
    assert journal.pending(str(tmp_path))


def test_a_change_whose_staged_files_are_gone_changes_nothing(tmp_path: Path) -> None:
    change = staged(tmp_path)
    (tmp_path / journal.FOLDER / "sub/b").unlink()
    with pytest.raises(
        InputError, match=r"sub/b: another process removed what was staged here; nothing was changed; run"
    ):
        change.commit()
    assert not journal.pending(str(tmp_path))
    assert journal.finish(str(tmp_path)) is False
    assert tree(tmp_path) == {"a": b"old a", "c": b"old c"}
