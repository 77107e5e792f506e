from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dataprep.storage import disk_writer
from dataprep.storage.disk_writer import WriteBehind


def test_bytes_are_all_there_and_synced_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, real = list[int](), os.fdatasync

    def watched(descriptor: int) -> None:
        real(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fdatasync", watched)
    monkeypatch.setattr(disk_writer, "STRIDE", 100)
    pieces = [bytes([n]) * 60 for n in range(20)]
    with WriteBehind(tmp_path / "file") as file:
        for piece in pieces:
            file.write(memoryview(piece))
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)
    assert synced
    assert synced[0] >= 120
    assert not any(thread.name.startswith("write-behind") for thread in threading.enumerate())


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", fail)
    monkeypatch.setattr(disk_writer, "STRIDE", 1)
    with pytest.raises(OSError, match="No space left"), WriteBehind(tmp_path / "file") as file:
        file.write(b"x")
