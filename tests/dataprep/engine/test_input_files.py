"""Tests of how an executor describes an input, or what it says of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InputError, StorageError
from dataprep.engine.input_files import _describe
from dataprep.storage import files, fingerprint


def test_size_and_digest_are_those_of_the_bytes(tmp_path: Path) -> None:
    path, large = str(tmp_path / "a"), bytes(fingerprint.SAMPLED_ABOVE + 1)
    for data, sampled in ((b"", True), (b"abc", True), (large, False), (large, True)):
        Path(path).write_bytes(data)
        found = _describe(path, sampled=sampled, look=None)
        assert found == {"path": path, "bytes": len(data), "digest": fingerprint.fingerprint(path, sampled=sampled)}
        assert isinstance(found, dict)
        assert found["digest"].startswith("sampled:") == (sampled and data is large)


def test_what_is_wrong_travels_to_the_driver_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(path: str) -> None:
        raise InputError("not text", file=path, remedy="give text")

    path = str(tmp_path / "a")
    assert _describe(path, sampled=False, look=None) == ("no such file", "check the path")
    Path(path).write_bytes(b"x")
    assert _describe(path, sampled=False, look=look) == ("not text", "give text")

    def fails(path: str) -> int:
        raise StorageError("HTTP 503", file=path)

    monkeypatch.setattr(files, "size", fails)
    problem, remedy = _describe(path, sampled=False, look=None)
    assert "HTTP 503" in problem
    assert remedy == "check that every executor can read the inputs"
