"""A place is absolute as soon as it is read, and an address stays one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from dataprep.storage.location import Location


def test_paths_are_those_of_who_reads_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    read = TypeAdapter(Location).validate_python
    assert read("out/x") == str(tmp_path / "out/x")
    assert read("~/x") == "/home/somebody/x"
    assert read("s3://bucket/x") == "s3://bucket/x"
