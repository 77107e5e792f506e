"""A folder of pairs to teach a tower from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.tower_pairs import scenes, write_tars


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tars(tmp_path / "pairs", scenes("pair", 24))
    monkeypatch.chdir(tmp_path)
    return tmp_path
